#include "base/json_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>

#include "base/utf8.h"

namespace khs::base {
namespace {

using Fault = Unexpected<JsonFault>;

constexpr int kMaxDepth = 128;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Returns the value of four hexadecimal digits.
std::optional<uint32_t> ParseHex4(std::string_view text) {
  uint32_t value = 0;
  const std::string_view digits = text.substr(0, 4);
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (digits.size() < 4 || end != digits.data() + 4 || error != std::errc{}) return std::nullopt;
  return value;
}

bool IsHighSurrogate(uint32_t code) { return code >= 0xd800 && code <= 0xdbff; }
bool IsLowSurrogate(uint32_t code) { return code >= 0xdc00 && code <= 0xdfff; }

struct Escape {
  size_t length = 0;  // 0: invalid
  char32_t character = 0;
  bool is_half = false;  // of a surrogate pair, so it is no character
};

// Parses the escape that a text begins with.
Escape ParseEscape(std::string_view text) {
  if (text.size() < 2) return {};
  constexpr std::string_view kLetters = "\"\\/bfnrt";
  constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  if (const size_t known = kLetters.find(text[1]); known != std::string_view::npos) {
    return {2, static_cast<char32_t>(kMeanings[known])};
  }
  if (text[1] != 'u') return {};
  const auto first = ParseHex4(text.substr(2));
  if (!first) return {};
  if (IsLowSurrogate(*first)) return {6, *first, true};
  if (!IsHighSurrogate(*first)) return {6, *first};
  const std::string_view rest = text.substr(6);
  const auto second = rest.starts_with("\\u") ? ParseHex4(rest.substr(2)) : std::nullopt;
  if (!second || !IsLowSurrogate(*second)) return {6, *first, true};
  return {12, 0x10000 + ((*first - 0xd800) << 10) + (*second - 0xdc00)};
}

void AppendUtf8(std::string& out, char32_t c) {
  const auto add = [&out](char32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) return add(c);
  if (c < 0x800) {
    add(0xc0 | (c >> 6));
  } else {
    if (c < 0x10000) {
      add(0xe0 | (c >> 12));
    } else {
      add(0xf0 | (c >> 18));
      add(0x80 | ((c >> 12) & 0x3f));
    }
    add(0x80 | ((c >> 6) & 0x3f));
  }
  add(0x80 | (c & 0x3f));
}

// Validates a JSON text and finds values in it. Used once.
class Scanner {
 public:
  Scanner(std::string_view text, std::span<const JsonPath> paths)
      : text_(text), paths_(paths), found_(paths.size()) {
    for (size_t i = 0; i < paths.size(); ++i) leading_here_.push_back(i);
  }

  Expected<std::vector<std::string_view>, JsonFault> Run() {
    SkipBlanks();
    if (!ScanValue(0, 0)) {
      return Fault(is_too_deep_ ? JsonFault::kTooDeep : JsonFault::kSyntax);
    }
    SkipBlanks();
    if (at_ != text_.size()) return Fault(JsonFault::kSyntax);
    return std::move(found_);
  }

 private:
  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool Take(char c) {
    if (Peek() != c) return false;
    ++at_;
    return true;
  }
  void SkipBlanks() {
    while (at_ < text_.size() && IsBlank(text_[at_])) ++at_;
  }

  // The paths that lead to the value are those of leading_here_ from `first` on; `depth` parts of
  // them are behind.
  bool ScanValue(size_t depth, size_t first) {
    if (depth > kMaxDepth) {
      is_too_deep_ = true;
      return false;
    }
    const size_t start = at_;
    const size_t end = leading_here_.size();
    if (!ScanAnyValue(depth, first)) return false;
    for (size_t i = first; i < end; ++i) {
      const size_t path = leading_here_[i];
      if (paths_[path].size() == depth) found_[path] = text_.substr(start, at_ - start);
    }
    return true;
  }

  bool ScanAnyValue(size_t depth, size_t first) {
    switch (Peek()) {
      case '{':
        return ScanObject(depth, first);
      case '[':
        return ScanArray(depth, first);
      case '"':
        return ScanString();
      case 't':
        return ScanWord("true");
      case 'f':
        return ScanWord("false");
      case 'n':
        return ScanWord("null");
      default:
        return ScanNumber();
    }
  }

  bool ScanObject(size_t depth, size_t first) {
    ++at_;
    SkipBlanks();
    if (Take('}')) return true;
    do {
      SkipBlanks();
      const size_t start = at_;
      if (!ScanString()) return false;
      const std::string_view name = text_.substr(start, at_ - start);
      SkipBlanks();
      if (!Take(':')) return false;
      SkipBlanks();
      if (!ScanMember(name, depth, first)) return false;
      SkipBlanks();
    } while (Take(','));
    return Take('}');
  }

  bool ScanMember(std::string_view name, size_t depth, size_t first) {
    const size_t end = leading_here_.size();
    if (first == end) return ScanValue(depth + 1, end);
    if (name.find('\\') == std::string_view::npos) {
      return ScanPart(name.substr(1, name.size() - 2), depth, first);
    }
    const auto text = UnescapeJson(name);
    return text ? ScanPart(*text, depth, first) : ScanValue(depth + 1, end);
  }

  bool ScanArray(size_t depth, size_t first) {
    ++at_;
    SkipBlanks();
    if (Take(']')) return true;
    std::array<char, std::numeric_limits<size_t>::digits10 + 1> digits;
    for (size_t index = 0;; ++index) {
      SkipBlanks();
      const char* const digits_end =
          std::to_chars(digits.data(), digits.data() + digits.size(), index).ptr;
      if (!ScanPart({digits.data(), digits_end}, depth, first)) return false;
      SkipBlanks();
      if (!Take(',')) return Take(']');
    }
  }

  // Scans the value of a member or an element.
  bool ScanPart(std::string_view part, size_t depth, size_t first) {
    const size_t end = leading_here_.size();
    for (size_t i = first; i < end; ++i) {
      const size_t path = leading_here_[i];
      if (paths_[path].size() <= depth || paths_[path][depth] != part) continue;
      found_[path] = {};  // of an earlier member of the same name
      leading_here_.push_back(path);
    }
    const bool valid = ScanValue(depth + 1, end);
    leading_here_.resize(end);
    return valid;
  }

  bool ScanString() {
    if (!Take('"')) return false;
    while (at_ < text_.size()) {
      const auto c = static_cast<unsigned char>(text_[at_]);
      if (c == '"') {
        ++at_;
        return true;
      }
      if (c < 0x20) return false;
      if (c == '\\') {
        const Escape escape = ParseEscape(text_.substr(at_));
        if (escape.length == 0) return false;
        at_ += escape.length;
      } else {
        ++at_;
      }
    }
    return false;
  }

  bool ScanWord(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  bool ScanDigits() {
    if (!IsDigit(Peek())) return false;
    while (IsDigit(Peek())) ++at_;
    return true;
  }

  bool ScanNumber() {
    Take('-');
    if (!Take('0') && !ScanDigits()) return false;
    if (Take('.') && !ScanDigits()) return false;
    if (Take('e') || Take('E')) {
      if (!Take('+')) Take('-');
      return ScanDigits();
    }
    return true;
  }

  const std::string_view text_;
  const std::span<const JsonPath> paths_;
  std::vector<std::string_view> found_;
  std::vector<size_t> leading_here_;  // a stack: for each level those that lead to it
  size_t at_ = 0;
  bool is_too_deep_ = false;
};

bool IsAscii(std::string_view text) {
  char bits = 0;
  for (const char c : text) bits = static_cast<char>(bits | c);
  return (bits & 0x80) == 0;
}

}  // namespace

Expected<std::vector<std::string_view>, JsonFault> FindInJson(std::string_view text,
                                                              std::span<const JsonPath> paths) {
  if (!IsAscii(text) && !IsUtf8(text)) return Fault(JsonFault::kNotUtf8);
  return Scanner(text, paths).Run();
}

bool IsJson(std::string_view text) { return FindInJson(text, {}).has_value(); }

void AppendCompactJson(std::string& out, std::string_view json) {
  bool in_string = false;
  for (size_t at = 0; at < json.size(); ++at) {
    const char c = json[at];
    if (!in_string && IsBlank(c)) continue;
    out += c;
    if (c == '"') {
      in_string = !in_string;
    } else if (c == '\\') {
      out += json[++at];
    }
  }
}

std::optional<std::string> UnescapeJson(std::string_view literal) {
  std::string text;
  const std::string_view inside = literal.substr(1, literal.size() - 2);
  for (size_t at = 0; at < inside.size();) {
    const size_t next = std::min(inside.find('\\', at), inside.size());
    text += inside.substr(at, next - at);
    at = next;
    if (at == inside.size()) break;
    const Escape escape = ParseEscape(inside.substr(at));
    if (escape.is_half) return std::nullopt;
    AppendUtf8(text, escape.character);
    at += escape.length;
  }
  return text;
}

void AppendJsonEscaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
}

bool EndsInJsonString(std::string_view part, bool in_string) {
  for (size_t at = 0; at < part.size(); ++at) {
    if (part[at] == '"') {
      in_string = !in_string;
    } else if (in_string && part[at] == '\\') {
      ++at;
    }
  }
  return in_string;
}

}  // namespace khs::base
