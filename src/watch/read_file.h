#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"

namespace khs::watch {

// What an open file holds from its beginning to its end. The error says why it can't be read: it is
// no regular file, it is larger than the limit, or what the system says.
base::Expected<std::string, std::string> ReadRegularFile(int descriptor, size_t limit_bytes);

// What the system says of an errno.
std::string ErrorText(int error);

}  // namespace khs::watch
