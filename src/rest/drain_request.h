#pragma once

#include <chrono>
#include <string>

#include "base/result.h"

namespace khs::rest {

// Asks the process at `url` (scheme, host and port) to drain, and waits for it. True when it is
// done, false when its bound was over first; otherwise what went wrong.
base::Expected<bool, std::string> RequestDrain(const std::string& url,
                                               std::chrono::milliseconds timeout);

}  // namespace khs::rest
