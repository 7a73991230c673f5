#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace khs::watch {

// What of a directory matters to the watched paths.
struct Interest {
  // Every definition in it matters: it is a watched directory.
  bool everything = false;
  // A path ends in it, or can't be followed beyond it, so what is written in it matters too.
  bool is_end = false;
  // Components of paths: files, directories and links.
  std::set<std::string> names;

  void Merge(const Interest& other);
  bool operator==(const Interest&) const = default;
};

struct WatchedPlaces {
  // By path, without links in it. A directory comes before those in it.
  std::map<std::string, Interest> directories;
  // Why not everything can be seen from them; that something does not exist is no such reason.
  std::vector<std::string> troubles;

  bool operator==(const WatchedPlaces&) const = default;
};

// Where changes of what the paths lead to show up: in every directory that holds a component of
// them, links followed by hand, so that whatever is made, removed, moved or retargeted on the way
// is seen. Links in a watched directory are followed as well. Of a path that does not exist its
// nearest existing directory is watched.
WatchedPlaces FindPlaces(const std::vector<std::filesystem::path>& paths);

// Whether a name in a watched directory may be a definition, or the link that brings new ones: what
// else somebody keeps, or an editor or kubelet makes there on the way, is no reason to look.
bool IsMeant(const std::string& name);

}  // namespace khs::watch
