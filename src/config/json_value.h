#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/problem.h"

namespace khs::config {

enum class JsonKind { kString, kNumber, kBoolean, kNull, kObject, kArray };

struct JsonMember;

// A JSON value; which fields are used depends on its kind.
struct JsonValue {
  JsonKind kind = JsonKind::kNull;
  std::string text;                 // a string without its escapes; a number or boolean as written
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

// Why a text was not parsed, and where.
struct JsonError {
  Position position;
  std::string message;
};

// Parses one JSON object (RFC 8259) of at most 32 levels and 100,000 values. The bytes may be
// UTF-8, UTF-16 or UTF-32, with or without a byte order mark, as Kafka Connect accepts a body.
// Columns count characters. Keys with \u0000 and numbers beyond the range of a double are errors.
base::Expected<JsonValue, JsonError> ParseJsonObject(std::string_view bytes);

// Returns a JSON string in double quotes; `text` is UTF-8.
std::string QuoteJson(std::string_view text);

}  // namespace khs::config
