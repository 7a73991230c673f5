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

// Functions that validate and store a value, shared by several rows.

template <class T>
Outcome SetNumber(const Value& value, std::int64_t min, std::int64_t max, T& target) {
  if (value.number < min) return Invalid("Value must be at least " + std::to_string(min));
  if (value.number > max) return Invalid("Value must be no more than " + std::to_string(max));
  target = T(value.number);
  return Accepted();
}

inline Outcome SetMilliseconds(const Value& value, std::chrono::milliseconds& target) {
  return SetNumber(value, 1, std::numeric_limits<std::int32_t>::max(), target);
}

// Accepts the names in any case.
template <class T, size_t kCount>
Outcome SetChoice(const Value& value, const std::array<std::pair<std::string_view, T>, kCount>& all,
                  T& target) {
  const std::string_view text = Trim(value.text);
  std::string names;
  for (const auto& [name, choice] : all) {
    if (EqualIgnoringCase(name, text)) {
      target = choice;
      return Accepted();
    }
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  return Invalid("String must be one of: " + names);
}

inline Outcome SetPath(const Value& value, std::string& target) {
  if (HasControlCharacter(value.text)) return Invalid("a path has no control characters");
  target = value.text;
  return Accepted();
}

}  // namespace khs::config
