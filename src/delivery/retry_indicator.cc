#include "delivery/retry_indicator.h"

#include <strings.h>

#include <algorithm>
#include <string>

namespace khs::delivery {
namespace {

bool Is(std::string_view text, const char* word) {
  return text.size() == std::string_view(word).size() &&
         ::strncasecmp(text.data(), word, text.size()) == 0;
}

// Parses JSON as leniently as Gson's JsonParser, for which many endpoints were written. It also
// accepts a byte order mark and `)]}'` at the start, comments (`//`, `#`, `/* */`), single quotes
// or none, `;` for `,` and `=` or `=>` for `:`, elements left out of arrays, keywords in any case,
// NaN, and any byte within a string. See Gson's JsonReader.setLenient. Throws Malformed.
class Scanner {
 public:
  struct Malformed {};

  explicit Scanner(std::string_view text) : text_(text) {
    (void)Skip("\xef\xbb\xbf");
    SkipBlanks();
    if (Skip(")]}'\n")) SkipBlanks();
  }

  // The value of the last top-level member `retry`. The text must be one object.
  std::optional<bool> FindRetry() {
    if (Next() != '{') throw Malformed();
    std::optional<bool> retry;
    // The open brackets, and whether the next token is the first one in the innermost.
    std::string open = "{";
    bool first = true;
    while (!open.empty()) {
      const bool in_array = open.back() == '[';
      if (in_array ? !EnterElement(first) : !EnterMember(first, open.size() == 1)) {
        open.pop_back();
        first = false;
        continue;
      }
      first = false;
      SkipBlanks();
      if (Peek() == '{' || Peek() == '[') {
        if (open.size() == 1 && is_retry_) retry.reset();
        open += Take();
        first = true;
        continue;
      }
      if (in_array && IsEndOfElement(Peek())) continue;  // left out
      const std::optional<bool> value = Scalar();
      if (open.size() == 1 && is_retry_) retry = value;
    }
    SkipBlanks();
    if (at_ < text_.size()) throw Malformed();
    return retry;
  }

 private:
  char Peek() const {
    if (at_ == text_.size()) throw Malformed();
    return text_[at_];
  }
  char Take() {
    const char c = Peek();
    ++at_;
    return c;
  }
  char Next() {
    SkipBlanks();
    return Take();
  }
  bool Skip(std::string_view what) {
    if (!text_.substr(at_).starts_with(what)) return false;
    at_ += what.size();
    return true;
  }
  void SkipBlanks() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
        ++at_;
      } else if (c != '#' && c != '/') {
        return;
      } else if (Skip("#") || Skip("//")) {
        at_ = std::min(text_.find_first_of("\r\n", at_), text_.size());
      } else if (Skip("/*")) {
        const size_t end = text_.find("*/", at_);
        if (end == std::string_view::npos) throw Malformed();
        at_ = end + 2;
      } else {
        return;
      }
    }
  }
  static bool IsSeparator(char c) { return c == ',' || c == ';'; }
  static bool IsEndOfElement(char c) { return IsSeparator(c) || c == ']'; }

  // Skips to the next element's value; false when the array ends.
  bool EnterElement(bool first) {
    SkipBlanks();
    if (Peek() == ']') {
      ++at_;
      return false;
    }
    if (!first && !IsSeparator(Take())) throw Malformed();
    return true;
  }
  // Skips to the next member's value; false when the object ends.
  bool EnterMember(bool first, bool is_top) {
    SkipBlanks();
    if (Peek() == '}') {
      ++at_;
      return false;
    }
    if (!first && !IsSeparator(Take())) throw Malformed();
    SkipBlanks();
    const std::string name = Text();
    if (is_top) is_retry_ = name == "retry";
    const char colon = Next();
    if (colon == '=') {
      (void)Skip(">");
    } else if (colon != ':') {
      throw Malformed();
    }
    return true;
  }

  std::optional<bool> Scalar() {
    const std::string text = Text();
    if (Is(text, "true")) return true;
    if (Is(text, "false")) return false;
    return std::nullopt;
  }
  std::string Text() {
    const char quote = Peek();
    if (quote == '"' || quote == '\'') {
      ++at_;
      return Quoted(quote);
    }
    const size_t end = std::min(text_.find_first_of("/\\;#={}[]:, \t\f\r\n", at_), text_.size());
    if (end == at_) throw Malformed();
    const std::string_view text = text_.substr(at_, end - at_);
    at_ = end;
    return std::string(text);
  }
  std::string Quoted(char quote) {
    std::string text;
    for (char c = Take(); c != quote; c = Take()) {
      if (c == '\\') c = Escaped();
      text += c;
    }
    return text;
  }
  // Any character beyond ASCII becomes the same one: it can't be a part of a known word.
  char Escaped() {
    constexpr std::string_view kEscapes = "tbnrf\n'\"\\/";
    constexpr std::string_view kMeanings = "\t\b\n\r\f\n'\"\\/";
    const char c = Take();
    if (const size_t known = kEscapes.find(c); known != std::string_view::npos) {
      return kMeanings[known];
    }
    if (c != 'u') throw Malformed();
    unsigned code = 0;
    for (int digit = 0; digit < 4; ++digit) {
      constexpr std::string_view kDigits = "0123456789abcdefABCDEF";
      const size_t value = kDigits.find(Take());
      if (value == std::string_view::npos) throw Malformed();
      code = code * 16 + static_cast<unsigned>(value < 16 ? value : value - 6);
    }
    return code < 0x80 ? static_cast<char>(code) : '\x80';
  }

  const std::string_view text_;
  size_t at_ = 0;
  bool is_retry_ = false;  // whether the top-level member being read is `retry`
};

}  // namespace

std::optional<bool> ParseRetryIndicator(std::string_view body) {
  if (body.empty() || body.size() > kMaxIndicatorBody) return std::nullopt;
  try {
    return Scanner(body).FindRetry();
  } catch (const Scanner::Malformed&) {
    return std::nullopt;
  }
}

}  // namespace khs::delivery
