#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace khs::watch {

// The name of a file system whose changes by others inotify does not see, by its number in statfs;
// empty for any other.
std::string_view RemoteFileSystemName(uint32_t type);

// The one that a directory is on; absent when it is on none, or can't be asked.
std::optional<std::string_view> FindRemoteFileSystem(const std::string& directory);

}  // namespace khs::watch
