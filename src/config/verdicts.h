#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "config/key_row.h"
#include "config/text.h"
#include "config/value.h"

namespace khs::config {

// What several rows do with a value.

template <class T>
Verdict TakeNumber(const Value& value, std::int64_t least, std::int64_t most, T& target) {
  if (value.number < least) return BadValue("Value must be at least " + std::to_string(least));
  if (value.number > most) return BadValue("Value must be no more than " + std::to_string(most));
  target = T(value.number);
  return Taken();
}

inline Verdict TakeMilliseconds(const Value& value, std::chrono::milliseconds& target) {
  return TakeNumber(value, 1, std::numeric_limits<std::int32_t>::max(), target);
}

// Any case; the names are listed as they are documented.
template <class T, size_t kCount>
Verdict TakeChoice(const Value& value,
                   const std::array<std::pair<std::string_view, T>, kCount>& all, T& target) {
  const std::string_view text = Trim(value.text);
  std::string names;
  for (const auto& [name, choice] : all) {
    if (EqualsIgnoringCase(name, text)) {
      target = choice;
      return Taken();
    }
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  return BadValue("String must be one of: " + names);
}

inline Verdict TakePath(const Value& value, std::string& target) {
  if (HasControlCharacter(value.text)) return BadValue("a path has no control characters");
  target = value.text;
  return Taken();
}

}  // namespace khs::config
