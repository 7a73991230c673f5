#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/definitions.h"
#include "config/flat.h"
#include "config/template.h"

namespace khs::config {

// The forms in which a value may be written, in addition to its type.
enum class Shape {
  kByType,
  kAnyScalar,  // any scalar as text: librdkafka's properties, converter parameters
  kNumbers,    // a list of numbers, or one number
  kHeaders,    // a table or a string
  kStrings,    // a list of strings, or one string with commas
};

// A parsed value. The key's type determines which member is set.
struct Value {
  std::string text;
  std::int64_t number = 0;        // kInt, kLong
  double decimal = 0;             // kDouble
  bool truth = false;             // kBoolean
  std::vector<std::string> list;  // kList
  std::string_view member;        // the key without the prefix of its family
  // The offset of the first secret in the text; absent: no secrets.
  std::optional<size_t> first_secret;
  // Only for rows that allow templates: the text with them. `text` has a placeholder for each.
  Template with_fields;
  std::optional<size_t> first_field;  // the offset of the first placeholder

  // Messages must not quote a hidden value.
  bool is_hidden() const { return first_secret.has_value(); }
};

// Parses a value. The error is Kafka's, and follows "Invalid value V for configuration K: ".
base::Expected<Value, std::string> ParseValue(KeyType type, Shape shape, const Entry& entry);

// Parses a number of seconds from 0 to `max`, with at most three decimals. The error quotes the
// text unless it is hidden.
base::Expected<std::chrono::milliseconds, std::string> ParseSeconds(std::string_view text,
                                                                    std::chrono::seconds max,
                                                                    bool is_hidden);

}  // namespace khs::config
