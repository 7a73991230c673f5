#pragma once

#include <optional>
#include <string_view>

namespace khs::delivery {

// Larger bodies are not read: they have no indicator.
inline constexpr size_t kMaxIndicatorBody = 64 * 1024;

// Finds the top-level member `retry` of a JSON object: true or false, or the strings "true" or
// "false", in any case. Parses as leniently as Gson, for example with comments or single quotes.
// Returns nothing for any other value, and when the body does not parse.
std::optional<bool> ParseRetryIndicator(std::string_view body);

}  // namespace khs::delivery
