#include "delivery/retry_after.h"

#include <time.h>

#include <algorithm>
#include <array>
#include <string>

namespace khs::delivery {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kLongest{1'000'000'000};

// The text without leading and trailing blanks.
std::string_view Trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::optional<milliseconds> ParseSeconds(std::string_view text) {
  const bool negative = text.front() == '-';
  if (negative) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  seconds total{0};
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    total = std::min(total * 10 + seconds(c - '0'), kLongest);
  }
  return negative ? seconds{0} : total;
}

// The time since the epoch. The program stays in the C locale, so strptime reads English names.
std::optional<seconds> ParseDate(const std::string& text) {
  static constexpr std::array<const char*, 3> kForms{
      "%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"};
  for (const char* form : kForms) {
    tm fields{};
    const char* end = ::strptime(text.c_str(), form, &fields);
    if (end != nullptr && *end == '\0') return seconds(::timegm(&fields));
  }
  return std::nullopt;
}

}  // namespace

std::optional<milliseconds> ParseRetryAfter(std::string_view value, base::WallTime now) {
  const std::string_view text = Trimmed(value);
  if (text.empty()) return std::nullopt;
  if (const auto wait = ParseSeconds(text)) return wait;
  const auto date = ParseDate(std::string(text));
  if (!date) return std::nullopt;
  // Computed in milliseconds, because a WallTime cannot hold the year 9999.
  const auto since_epoch = std::chrono::duration_cast<milliseconds>(now.time_since_epoch());
  return std::clamp<milliseconds>(*date - since_epoch, milliseconds{0}, kLongest);
}

}  // namespace khs::delivery
