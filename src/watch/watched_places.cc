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

// Linux's limit for one path.
constexpr int kMaxLinks = 40;
// The limit of links in one watched directory that are followed.
constexpr size_t kMaxFollowedEntries = 1000;

// Returns whether an errno means that nothing exists at a path.
bool IsAbsence(int error) {
  return error == ENOENT || error == ENOTDIR || error == ELOOP || error == ENAMETOOLONG;
}

// Resolves paths component by component and collects the directory of each.
class PlaceFinder {
 public:
  // Adds a watched path. If it leads to a directory, adds all definitions in it.
  void AddPath(const fs::path& path) {
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
        AddError(fmt::format("{} is on a file system ({}) that does not report remote changes",
                             directory, *remote));
      }
    }
    return std::move(places_);
  }

 private:
  // Resolves a path and returns its directory; empty if it does not lead to a directory.
  std::string Walk(const fs::path& path) {
    std::error_code error;
    const fs::path absolute = fs::absolute(path, error);
    if (path.empty() || error) return {};
    std::vector<std::string> rest;  // in reverse order: the next component is at the back
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
      switch (TypeOf(current / name)) {
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
          break;  // it was just removed, or there is a cycle of links
        }
        default:
          break;  // a file, or it does not exist
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

  fs::file_type TypeOf(const fs::path& path) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) {
      if (!IsAbsence(errno)) {
        AddError(fmt::format("{} cannot be accessed: {}", path.string(), ErrorText(errno)));
      }
      return fs::file_type::none;
    }
    if (S_ISDIR(info.st_mode)) return fs::file_type::directory;
    return S_ISLNK(info.st_mode) ? fs::file_type::symlink : fs::file_type::regular;
  }

  // Follows the links in a watched directory, because their targets may be edited in place. Skips
  // links into a `..data` volume, whose files are replaced and never edited.
  void FollowEntries(const std::string& directory) {
    std::error_code error;
    size_t followed = 0;
    for (fs::directory_iterator it(directory, error), end; !error && it != end;
         it.increment(error)) {
      std::error_code none;
      const std::string name = it->path().filename().string();
      if (!it->is_symlink(none) || !IsDefinitionOrDataLink(name) || name == "..data") continue;
      const std::string target = fs::read_symlink(it->path(), none).string();
      if (none || target.starts_with("..data/")) continue;
      if (++followed > kMaxFollowedEntries) return;
      (void)Walk(it->path());
    }
    if (error && !IsAbsence(error.value())) {
      AddError(fmt::format("{} cannot be listed: {}", directory, error.message()));
    }
  }

  void AddError(std::string error) {
    auto& errors = places_.errors;
    if (std::find(errors.begin(), errors.end(), error) == errors.end()) {
      errors.push_back(std::move(error));
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
  PlaceFinder finder;
  for (const fs::path& path : paths) finder.AddPath(path);
  return finder.Take();
}

bool IsDefinitionOrDataLink(const std::string& name) {
  return name == "..data" || IsDefinitionName(name);
}

}  // namespace khs::watch
