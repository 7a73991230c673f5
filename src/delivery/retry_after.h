#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "base/clock.h"

namespace khs::delivery {

// Parses the value of Retry-After, seconds or an HTTP date in any of its three forms, as a delay
// from `now`. Returns nothing for anything else, zero for a time in the past, and 30 years at most.
std::optional<std::chrono::milliseconds> ParseRetryAfter(std::string_view value,
                                                         base::WallTime now);

}  // namespace khs::delivery
