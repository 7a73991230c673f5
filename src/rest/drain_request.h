#pragma once

#include <chrono>
#include <string>

#include "base/result.h"

namespace khs::rest {

// Asks the process at `url` (scheme, host and port) to drain, and waits for the response. True: it
// has drained. False: its time limit passed first.
base::Expected<bool, std::string> RequestDrain(const std::string& url,
                                               std::chrono::milliseconds timeout);

}  // namespace khs::rest
