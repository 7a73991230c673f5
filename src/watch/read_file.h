#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"

namespace khs::watch {

// Of files that a library opens itself: plenty for all authorities of the world.
inline constexpr size_t kMaxLibraryFileBytes = 10u << 20;

// What an open file holds from its beginning to its end. The error says why it can't be read: it is
// no regular file, it is larger than the limit, or what the system says.
base::Expected<std::string, std::string> ReadRegularFile(int descriptor, size_t limit_bytes);

// The same of the file at a path, of which a FIFO or a device is not opened. Nothing blocks, unless
// its file system does.
base::Expected<std::string, std::string> ReadRegularFile(const std::string& path,
                                                         size_t limit_bytes);

// What the system says of an errno.
std::string ErrorText(int error);

}  // namespace khs::watch
