#pragma once

#include <optional>
#include <string_view>

namespace khs::delivery {

// Bodies are read and judged up to this size; a larger one has no indicator.
inline constexpr size_t kMaxIndicatorBody = 64 * 1024;

// The top-level `retry` of a JSON object: true or false, or the strings "true" or "false", in any
// case. The object may be written as leniently as Gson reads it, with comments or single quotes for
// instance. Anything else, and anything that does not parse, counts as missing.
std::optional<bool> ParseRetryIndicator(std::string_view body);

}  // namespace khs::delivery
