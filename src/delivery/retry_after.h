#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "base/clock.h"

namespace khs::delivery {

// The value of Retry-After, seconds or an HTTP date in any of its three forms, as a wait from
// `now`: nothing when it is neither, zero when it lies in the past, and bounded (by some 30 years)
// however large the number is.
std::optional<std::chrono::milliseconds> ParseRetryAfter(std::string_view value,
                                                         base::WallTime now);

}  // namespace khs::delivery
