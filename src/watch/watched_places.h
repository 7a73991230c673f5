#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace khs::watch {

// Which changes in a directory are relevant to the watched paths.
struct Interest {
  // Every definition in it: it is a watched directory.
  bool everything = false;
  // Also writes to files: a path ends in it, or does not exist beyond it.
  bool is_end = false;
  // These names, which are components of watched paths: files, directories and links.
  std::set<std::string> names;

  void Merge(const Interest& other);
  bool operator==(const Interest&) const = default;
};

struct WatchedPlaces {
  // By real path. A directory precedes its subdirectories.
  std::map<std::string, Interest> directories;
  // Why changes may be missed. A path that does not exist is no error.
  std::vector<std::string> errors;

  bool operator==(const WatchedPlaces&) const = default;
};

// Returns the directories to watch for changes of the paths: each directory that contains a
// component of a path, with links resolved one by one. So a component that is created, removed,
// moved or retargeted is noticed. Includes the targets of links in a watched directory. For a path
// that does not exist, the last one is its nearest existing directory.
WatchedPlaces FindPlaces(const std::vector<std::filesystem::path>& paths);

// Returns whether a name in a watched directory is a definition or a volume's `..data` link. Other
// names, such as temporary files of editors and kubelet, cause no look.
bool IsDefinitionOrDataLink(const std::string& name);

}  // namespace khs::watch
