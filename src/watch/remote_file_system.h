#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace khs::watch {

// Returns the name of a file system type (f_type of statfs) whose remote changes inotify does not
// see; empty for any other type.
std::string_view RemoteFileSystemName(uint32_t type);

// Returns the name of the remote file system that a directory is on; nullopt when it is on none or
// statfs fails.
std::optional<std::string_view> FindRemoteFileSystem(const std::string& directory);

}  // namespace khs::watch
