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

// The field to which the pointers to members lead, one after the other.
template <auto kField, auto... kFields, class T>
auto& FieldOf(T& object) {
  if constexpr (sizeof...(kFields) == 0) {
    return object.*kField;
  } else {
    return FieldOf<kFields...>(object.*kField);
  }
}

// The function of a row that only sets a field of the configuration. `kFields` lead to the field:
//   Store<SetPath, &ConnectorConfig::endpoint, &EndpointConfig::tls, &TlsConfig::key_location>
template <auto kSet, auto... kFields, class Draft>
Outcome Store(const Value& value, Draft& draft) {
  return kSet(value, FieldOf<kFields...>(draft.config));
}

constexpr std::int64_t kMaxInt = std::numeric_limits<std::int32_t>::max();

template <std::int64_t kMin, std::int64_t kMax, class T>
Outcome SetNumber(const Value& value, T& target) {
  if (value.number < kMin) return Invalid("Value must be at least " + std::to_string(kMin));
  if (value.number > kMax) return Invalid("Value must be no more than " + std::to_string(kMax));
  target = T(value.number);
  return Accepted();
}

inline Outcome SetMilliseconds(const Value& value, std::chrono::milliseconds& target) {
  return SetNumber<1, kMaxInt>(value, target);
}

template <std::int64_t kMax>
Outcome SetSeconds(const Value& value, std::chrono::milliseconds& target) {
  const auto duration = ParseSeconds(value.text, std::chrono::seconds(kMax), value.is_hidden());
  if (!duration) return Invalid(duration.error());
  target = *duration;
  return Accepted();
}

inline Outcome SetBoolean(const Value& value, bool& target) {
  target = value.truth;
  return Accepted();
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
  if (HasControlCharacter(value.text)) return Invalid("must not contain control characters");
  target = value.text;
  return Accepted();
}

}  // namespace khs::config
