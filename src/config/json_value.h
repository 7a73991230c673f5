#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/problem.h"

namespace khs::config {

enum class JsonKind { kString, kNumber, kBoolean, kNull, kObject, kArray };

struct JsonMember;

struct JsonValue {
  JsonKind kind = JsonKind::kNull;
  std::string text;                 // of a string; of a number or a boolean as it is written
  std::vector<JsonMember> members;  // of an object, in the order written, repeated keys included
  std::vector<JsonValue> elements;  // of an array

  bool IsScalar() const {
    return kind == JsonKind::kString || kind == JsonKind::kNumber || kind == JsonKind::kBoolean;
  }
};

struct JsonMember {
  std::string key;
  Position position;  // of the key
  JsonValue value;
};

struct JsonFault {
  Position position;
  std::string message;
};

// Reads one JSON object (RFC 8259) of at most 32 levels and 100,000 values. The bytes may be UTF-8,
// UTF-16 or UTF-32, with or without a byte order mark, as Kafka Connect reads a body. Positions
// count characters. Keys with \u0000 are refused.
base::Expected<JsonValue, JsonFault> ParseJsonObject(std::string_view bytes);

// A JSON string in double quotes; `text` is UTF-8.
std::string QuoteJson(std::string_view text);

}  // namespace khs::config
