#include "delivery/retry_indicator.h"

#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <Poco/String.h>

#include <algorithm>
#include <string>

#include "base/utf8.h"

namespace khs::delivery {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Poco refuses a whole document for one number that is beyond 64 bits or a double, which JSON
// allows, and ends a key at an escaped NUL, so that it may become another. Which number or which
// control character it is matters to nobody here: outside of strings at most 15 digits in a row
// stay, and 2 of an exponent, and a NUL becomes U+0001.
std::string MadeForPoco(std::string_view json) {
  constexpr std::string_view kNul = "\\u0000";
  std::string text;
  text.reserve(json.size());
  bool in_string = false;
  size_t digits = 0;  // that may still follow
  for (size_t at = 0; at < json.size(); ++at) {
    const char c = json[at];
    if (!in_string && IsDigit(c)) {
      if (digits == 0) continue;
      --digits;
    } else if (in_string && json.substr(at, kNul.size()) == kNul) {
      text += "\\u0001";
      at += kNul.size() - 1;
      continue;
    } else if (in_string && c == '\\' && at + 1 < json.size()) {
      text += c;
      text += json[++at];
      continue;
    } else {
      digits = c == 'e' || c == 'E' || ((c == '+' || c == '-') && digits == 2) ? 2 : 15;
      if (c == '"') in_string = !in_string;
    }
    text += c;
  }
  return text;
}

}  // namespace

std::optional<bool> ParseRetryIndicator(std::string_view body) {
  if (body.empty() || body.size() > kMaxIndicatorBody) return std::nullopt;
  // What Poco would overlook: a number before the object, and what follows a byte 0xff behind it.
  const size_t start = std::min(body.find_first_not_of(" \t\r\n"), body.size() - 1);
  if (body[start] != '{' || !base::IsUtf8(body)) return std::nullopt;
  try {
    Poco::JSON::Parser parser;
    const Poco::Dynamic::Var document = parser.parse(MadeForPoco(body));
    if (document.type() != typeid(Poco::JSON::Object::Ptr)) return std::nullopt;
    const Poco::Dynamic::Var retry = document.extract<Poco::JSON::Object::Ptr>()->get("retry");
    if (retry.isBoolean()) return retry.extract<bool>();
    if (retry.isString()) {
      const auto& text = retry.extract<std::string>();
      if (Poco::icompare(text, "true") == 0) return true;
      if (Poco::icompare(text, "false") == 0) return false;
    }
  } catch (const Poco::Exception&) {
    // Not JSON: no indicator.
  }
  return std::nullopt;
}

}  // namespace khs::delivery
