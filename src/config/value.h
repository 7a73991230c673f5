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

namespace khs::config {

// How a value may be written where its type alone does not say it.
enum class Shape {
  kByType,
  kAnyScalar,  // handed on as text: librdkafka's properties, converter parameters
  kNumbers,    // a list of numbers, or one number
  kHeaders,    // a table or a string
};

// A value of the type that its key asks for.
struct Value {
  std::string text;
  std::int64_t number = 0;        // kInt, kLong
  double decimal = 0;             // kDouble
  bool truth = false;             // kBoolean
  std::vector<std::string> list;  // kList
  std::string_view member;        // of a family: the key without the prefix
  // Where in the text the first secret begins; absent: all was written in the definition.
  std::optional<size_t> first_secret;

  // No message may quote any part of the value.
  bool is_hidden() const { return first_secret.has_value(); }
};

// The error is Kafka's reason, which follows "Invalid value V for configuration K: ".
base::Expected<Value, std::string> ParseValue(KeyType type, Shape shape, const Entry& entry);

// Seconds, decimals allowed, from 0 to `most`, no finer than a millisecond. The error is a reason,
// which quotes the text unless that is hidden.
base::Expected<std::chrono::milliseconds, std::string> ParseSeconds(std::string_view text,
                                                                    std::chrono::seconds most,
                                                                    bool is_hidden);

}  // namespace khs::config
