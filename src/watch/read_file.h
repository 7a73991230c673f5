#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"

namespace khs::watch {

// The limit of files that a library opens itself. A bundle of all public CAs is far smaller.
inline constexpr size_t kMaxLibraryFileBytes = 10u << 20;

// Reads an open file from its current offset to its end. Fails if it is not a regular file, is
// larger than the limit, or cannot be read.
base::Expected<std::string, std::string> ReadRegularFile(int descriptor, size_t limit_bytes);

// Reads the file at a path. FIFOs and devices are not opened, so it does not block unless the file
// system does.
base::Expected<std::string, std::string> ReadRegularFile(const std::string& path,
                                                         size_t limit_bytes);

// Returns the system's message for an errno.
std::string ErrorText(int error);

}  // namespace khs::watch
