#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/problem.h"

namespace khs::config {

enum class JsonKind { kString, kNumber, kBoolean, kNull, kObject, kArray };

// A member of a JSON object, or of an object in it.
struct JsonMember {
  std::string parent;  // the key of the object that it is in; empty at the top
  std::string key;
  JsonKind kind = JsonKind::kString;
  std::string text;   // of a scalar
  Position position;  // of the key
  int depth = 1;      // 1: at the top
};

struct JsonFault {
  Position position;
  std::string message;
};

// The members of the object that `text` is and of the objects directly in it, in the order written,
// repeated keys included. What lies deeper is left out.
base::Expected<std::vector<JsonMember>, JsonFault> ReadJsonMembers(std::string_view text);

// The first key that holds an escaped NUL, at which Poco ends it, so that it may become another.
// The text is otherwise valid JSON.
std::optional<Position> FindKeyWithNul(std::string_view text);

// What is wrong with the number of values; empty when nothing is. To be asked before Poco makes a
// tree, which takes hundreds of times the bytes of a text like `[{},{},…]`.
std::string JudgeValueCount(std::string_view text);

std::string QuoteJson(std::string_view text);

}  // namespace khs::config
