#include "config/json_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>
#include <utility>

#include "config/unicode.h"

namespace khs::config {
namespace {

constexpr int kDeepest = 32;
constexpr size_t kMostValues = 100'000;

// By recursive descent. Once something is wrong every function returns false.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  base::Expected<JsonValue, JsonFault> Parse() {
    JsonValue value;
    if (ReadValue(value, 1)) {
      if (value.kind != JsonKind::kObject) {
        fault_ = {{1, 1}, "A JSON object is expected"};
      } else if (at_ < text_.size()) {
        (void)Fail("nothing may follow the object");
      }
    }
    if (fault_) return base::Unexpected<JsonFault>(std::move(*fault_));
    return value;
  }

 private:
  bool Fail(std::string_view what) {
    if (!fault_) fault_ = {Here(), fmt::format("Not valid JSON: {}", what)};
    return false;
  }

  bool Refuse(Position position, std::string message) {
    if (!fault_) fault_ = {position, std::move(message)};
    return false;
  }

  // Of the next character.
  Position Here() {
    for (; counted_ < at_; ++counted_) {
      const char c = text_[counted_];
      if (c == '\n') {
        ++position_.line;
        position_.column = 1;
      } else if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) {
        ++position_.column;
      }
    }
    return position_;
  }

  char Next() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  bool Take(std::string_view token) {
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }

  void SkipBlanks() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }

  // With the blanks around it.
  bool ReadValue(JsonValue& value, int level) {
    SkipBlanks();
    if (++values_ > kMostValues) {
      return Refuse(Here(), fmt::format("More than {} values are not taken", kMostValues));
    }
    if (!ReadBareValue(value, level)) return false;
    SkipBlanks();
    return true;
  }

  bool ReadBareValue(JsonValue& value, int level) {
    switch (Next()) {
      case '{':
        value.kind = JsonKind::kObject;
        return ReadObject(value.members, level);
      case '[':
        value.kind = JsonKind::kArray;
        return ReadArray(value.elements, level);
      case '"':
        value.kind = JsonKind::kString;
        return ReadString(value.text);
      default:
        break;
    }
    const size_t start = at_;
    if (Take("null")) {
      value.kind = JsonKind::kNull;
      return true;
    }
    value.kind = JsonKind::kBoolean;
    if (!Take("true") && !Take("false")) {
      value.kind = JsonKind::kNumber;
      if (!SkipNumber()) return false;
    }
    value.text = text_.substr(start, at_ - start);
    return true;
  }

  bool ReadObject(std::vector<JsonMember>& members, int level) {
    if (level > kDeepest) return Fail("it is nested too deep");
    (void)Take("{");
    SkipBlanks();
    if (Take("}")) return true;
    do {
      SkipBlanks();
      JsonMember& member = members.emplace_back();
      member.position = Here();
      if (Next() != '"') return Fail("a key in double quotes is expected");
      if (!ReadString(member.key)) return false;
      if (member.key.find('\0') != std::string::npos) {
        return Refuse(member.position, "A key holds \\u0000");
      }
      SkipBlanks();
      if (!Take(":")) return Fail("':' is expected after a key");
      if (!ReadValue(member.value, level + 1)) return false;
    } while (Take(","));
    return Take("}") || Fail("',' or '}' is expected after a value");
  }

  bool ReadArray(std::vector<JsonValue>& elements, int level) {
    if (level > kDeepest) return Fail("it is nested too deep");
    (void)Take("[");
    SkipBlanks();
    if (Take("]")) return true;
    do {
      if (!ReadValue(elements.emplace_back(), level + 1)) return false;
    } while (Take(","));
    return Take("]") || Fail("',' or ']' is expected after a value");
  }

  bool SkipDigits() {
    const size_t start = at_;
    at_ = std::min(text_.find_first_not_of("0123456789", at_), text_.size());
    return at_ > start;
  }

  bool SkipNumber() {
    const size_t start = at_;
    (void)Take("-");
    if (!Take("0") && !SkipDigits()) {
      return Fail(at_ > start ? "a digit is expected after '-'" : "a value is expected");
    }
    if (Take(".") && !SkipDigits()) return Fail("a digit is expected after '.'");
    if (Take("e") || Take("E")) {
      if (!Take("+")) (void)Take("-");
      if (!SkipDigits()) return Fail("a digit is expected in an exponent");
    }
    return true;
  }

  bool ReadString(std::string& string) {
    (void)Take("\"");
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (static_cast<unsigned char>(c) < 0x20) return Fail("a control character is not escaped");
      ++at_;
      if (c == '"') return true;
      if (c != '\\') {
        string += c;
      } else if (!ReadEscape(string)) {
        return false;
      }
    }
    return Fail("a string does not end");
  }

  // After its backslash.
  bool ReadEscape(std::string& string) {
    constexpr std::string_view kLetters = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    if (Take("u")) return ReadCodePoint(string);
    const size_t which = at_ < text_.size() ? kLetters.find(text_[at_]) : std::string_view::npos;
    if (which == std::string_view::npos) return Fail("there is no such escape");
    string += kMeanings[which];
    ++at_;
    return true;
  }

  bool ReadCodePoint(std::string& string) {
    char32_t character = 0;
    if (!ReadHex(character)) return false;
    if (IsHighSurrogate(character)) {
      char32_t low = 0;
      if (!Take("\\u")) return Fail("half of a surrogate pair is missing");
      if (!ReadHex(low)) return false;
      if (!IsLowSurrogate(low)) return Fail("half of a surrogate pair is missing");
      character = JoinSurrogates(character, low);
    } else if (IsLowSurrogate(character)) {
      return Fail("half of a surrogate pair is missing");
    }
    AppendUtf8(string, character);
    return true;
  }

  bool ReadHex(char32_t& unit) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = Next();
      const char lower = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
      const size_t digit = kDigits.find(lower);
      if (digit == std::string_view::npos) return Fail("four hexadecimal digits belong after \\u");
      unit = (unit << 4) | static_cast<char32_t>(digit);
    }
    return true;
  }

  const std::string_view text_;
  size_t at_ = 0;
  size_t values_ = 0;
  size_t counted_ = 0;  // up to here `position_` has been counted
  Position position_{1, 1};
  std::optional<JsonFault> fault_;
};

}  // namespace

base::Expected<JsonValue, JsonFault> ParseJsonObject(std::string_view bytes) {
  const auto text = DecodeJsonText(bytes);
  if (!text) return base::Unexpected<JsonFault>({{1, 1}, text.error()});
  return Parser(*text).Parse();
}

std::string QuoteJson(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (c == '\r') {
      quoted += "\\r";
    } else if (c == '\t') {
      quoted += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      fmt::format_to(std::back_inserter(quoted), "\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

}  // namespace khs::config
