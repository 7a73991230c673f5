#pragma once

#include <chrono>
#include <cstdint>
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
};

// The error is Kafka's reason, which follows "Invalid value V for configuration K: ".
base::Expected<Value, std::string> ParseValue(KeyType type, Shape shape, const Entry& entry);

// Seconds, decimals allowed, from 0 to `most`, no finer than a millisecond. The error is a reason.
base::Expected<std::chrono::milliseconds, std::string> ParseSeconds(std::string_view text,
                                                                    std::chrono::seconds most);

}  // namespace khs::config
