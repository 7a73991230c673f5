#include "watch/watched_places.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>
#include <string_view>
#include <system_error>
#include <utility>

#include "watch/read_file.h"
#include "watch/remote_file_system.h"
#include "watch/snapshot.h"

namespace khs::watch {
namespace {

namespace fs = std::filesystem;

// As Linux has it for one path.
constexpr int kMaxLinks = 40;
// Of one watched directory.
constexpr size_t kMaxFollowedEntries = 1000;

// Errors that say that there is nothing at a path.
bool IsAbsence(int error) {
  return error == ENOENT || error == ENOTDIR || error == ELOOP || error == ENAMETOOLONG;
}

// Follows paths component by component, and notes each.
class Finder {
 public:
  // A watched path. If it leads to a directory everything in that matters.
  void Follow(const fs::path& path) {
    const std::string directory = Walk(path);
    if (directory.empty()) return;
    Interest& interest = places_.directories[directory];
    if (std::exchange(interest.everything, true)) return;
    interest.is_end = true;
    FollowEntries(directory);
  }

  WatchedPlaces Take() {
    for (const auto& [directory, interest] : places_.directories) {
      if (!interest.is_end) continue;
      if (const auto remote = FindRemoteFileSystem(directory)) {
        AddTrouble(fmt::format("{} is on a file system ({}) that tells nothing of remote changes",
                               directory, *remote));
      }
    }
    return std::move(places_);
  }

 private:
  // The directory that a path leads to; empty if it does not lead to one.
  std::string Walk(const fs::path& path) {
    std::error_code error;
    const fs::path absolute = fs::absolute(path, error);
    if (path.empty() || error) return {};
    std::vector<std::string> rest;  // the next component is the last
    Push(absolute, rest);
    fs::path current = "/";
    int links = 0;
    while (!rest.empty()) {
      const std::string name = std::move(rest.back());
      rest.pop_back();
      if (name.empty() || name == ".") continue;
      if (name == "..") {
        current = current.parent_path();
        continue;
      }
      Interest& interest = places_.directories[current.string()];
      interest.names.insert(name);
      switch (Look(current / name)) {
        case fs::file_type::directory:
          current /= name;
          continue;
        case fs::file_type::symlink: {
          const fs::path target = fs::read_symlink(current / name, error);
          if (!error && ++links <= kMaxLinks) {
            if (target.is_absolute()) current = "/";
            Push(target, rest);
            continue;
          }
          break;  // it has just gone, or leads round in a circle
        }
        default:
          break;  // a file, or nothing
      }
      interest.is_end = true;
      return {};
    }
    return current.string();
  }

  static void Push(const fs::path& path, std::vector<std::string>& rest) {
    std::vector<std::string> components;
    for (const fs::path& component : path.relative_path()) components.push_back(component.string());
    rest.insert(rest.end(), std::make_move_iterator(components.rbegin()),
                std::make_move_iterator(components.rend()));
  }

  fs::file_type Look(const fs::path& path) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) {
      if (!IsAbsence(errno)) {
        AddTrouble(fmt::format("{} cannot be looked at: {}", path.string(), ErrorText(errno)));
      }
      return fs::file_type::none;
    }
    if (S_ISDIR(info.st_mode)) return fs::file_type::directory;
    return S_ISLNK(info.st_mode) ? fs::file_type::symlink : fs::file_type::regular;
  }

  // The links in a watched directory, a farm of them perhaps, lead to files that may be edited
  // where they are. What leads into a `..data` volume is replaced and never edited.
  void FollowEntries(const std::string& directory) {
    std::error_code error;
    size_t followed = 0;
    for (fs::directory_iterator it(directory, error), end; !error && it != end;
         it.increment(error)) {
      std::error_code none;
      const std::string name = it->path().filename().string();
      if (!it->is_symlink(none) || !IsMeant(name) || name == "..data") continue;
      const std::string target = fs::read_symlink(it->path(), none).string();
      if (none || target.starts_with("..data/")) continue;
      if (++followed > kMaxFollowedEntries) return;
      (void)Walk(it->path());
    }
    if (error && !IsAbsence(error.value())) {
      AddTrouble(fmt::format("{} cannot be listed: {}", directory, error.message()));
    }
  }

  void AddTrouble(std::string trouble) {
    auto& troubles = places_.troubles;
    if (std::find(troubles.begin(), troubles.end(), trouble) == troubles.end()) {
      troubles.push_back(std::move(trouble));
    }
  }

  WatchedPlaces places_;
};

}  // namespace

void Interest::Merge(const Interest& other) {
  everything = everything || other.everything;
  is_end = is_end || other.is_end;
  names.insert(other.names.begin(), other.names.end());
}

WatchedPlaces FindPlaces(const std::vector<fs::path>& paths) {
  Finder finder;
  for (const fs::path& path : paths) finder.Follow(path);
  return finder.Take();
}

bool IsMeant(const std::string& name) { return name == "..data" || IsDefinitionName(name); }

}  // namespace khs::watch
