#include "config/foreign_regex.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace khs::config {
namespace {

using Failure = base::Unexpected<std::string>;
using Part = base::Expected<std::string, std::string>;

bool IsLetterOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

std::string Literal(char c) {
  constexpr std::string_view kSpecial = ".[]{}()*+?^$|\\";
  const bool is_special = kSpecial.find(c) != std::string_view::npos;
  return is_special ? std::string{'\\', c} : std::string(1, c);
}

// Returns what stands for a class such as `\d` between brackets; nothing if it is no class.
std::optional<std::string_view> ClassOf(char letter) {
  constexpr std::array<std::pair<char, std::string_view>, 3> kClasses{
      {{'d', "0-9"}, {'w', "a-zA-Z0-9_"}, {'s', "[:space:]"}}};
  for (const auto& [name, inside] : kClasses) {
    if (name == letter) return inside;
  }
  return std::nullopt;
}

// The characters between the brackets of a POSIX expression, which has no escapes.
class Brackets {
 public:
  void Negate() { is_negated_ = true; }
  void AddClass(std::string_view inside) { inside_ += inside; }
  void AddRange(char first, char last) { inside_ += {first, '-', last}; }

  void Add(char c) {
    if (c == ']' || c == '^' || c == '-') {
      special_ += c;
    } else if (c == '[') {
      last_ = "[";
    } else {
      inside_ += c;
    }
  }

  std::string Text() const {
    const auto has = [this](char c) { return special_.find(c) != std::string::npos; };
    std::string text = has(']') ? "]" : "";
    text += inside_ + last_;
    if (has('^')) text += '^';
    if (has('-')) text += '-';
    // A ^ at the beginning would negate.
    if (!is_negated_ && text == "^") return "\\^";
    if (!is_negated_ && text == "^-") text = "-^";
    return (is_negated_ ? "[^" : "[") + text + ']';
  }

 private:
  bool is_negated_ = false;
  std::string inside_;
  std::string last_;     // `[`, which begins nothing there
  std::string special_;  // characters that have their own places
};

class RegexTranslator {
 public:
  explicit RegexTranslator(std::string_view pattern) : rest_(pattern) {}

  Part Translate() {
    std::string text;
    while (!rest_.empty()) {
      auto part = TakePart();
      if (!part) return part;
      text += *part;
    }
    return text;
  }

 private:
  char Take() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  bool Skip(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }

  Part TakePart() {
    if (Skip("\\Q")) return TakeQuoted();
    const char c = Take();
    if (c == '\\') return TakeEscape();
    if (c == '[') return TakeBrackets();
    if (c == '(') return TakeOpening();
    if (c == '*' || c == '+' || c == '?') return TakeQuantifierEnd(std::string(1, c));
    if (c == '{') {
      const size_t end = rest_.find('}');
      if (end == std::string_view::npos) return Failure("a brace is not closed");
      const std::string quantifier = '{' + std::string(rest_.substr(0, end + 1));
      rest_.remove_prefix(end + 1);
      return TakeQuantifierEnd(quantifier);
    }
    return c == ']' || c == '}' ? Literal(c) : std::string(1, c);
  }

  Part TakeQuoted() {
    const size_t end = std::min(rest_.find("\\E"), rest_.size());
    std::string text;
    for (const char c : rest_.substr(0, end)) text += Literal(c);
    rest_.remove_prefix(std::min(end + 2, rest_.size()));
    return text;
  }

  Part TakeEscape() {
    if (rest_.empty()) return Failure("nothing follows its last backslash");
    const char c = Take();
    if (const auto inside = ClassOf(c)) return '[' + std::string(*inside) + ']';
    if (c == 'D' || c == 'W' || c == 'S') {
      return "[^" + std::string(*ClassOf(static_cast<char>(c - 'A' + 'a'))) + ']';
    }
    if (IsLetterOrDigit(c)) return Unknown(c);
    return Literal(c);
  }

  // A reluctant quantifier finds other parts of a text, but matches the same whole texts.
  Part TakeQuantifierEnd(std::string quantifier) {
    if (rest_.starts_with('+')) return Failure("possessive quantifiers, as in *+, have none");
    Skip("?");
    return quantifier;
  }

  Part TakeOpening() {
    if (!rest_.starts_with('?') || Skip("?:")) return std::string("(");
    const bool is_named = rest_.starts_with("?<") && !rest_.starts_with("?<=") &&
                          !rest_.starts_with("?<!") && rest_.find('>') != std::string_view::npos;
    if (!is_named) return Failure("look-around, atomic groups and flags, as in (?=...), have none");
    rest_.remove_prefix(rest_.find('>') + 1);
    return std::string("(");
  }

  Part TakeBrackets() {
    Brackets brackets;
    if (Skip("^")) brackets.Negate();
    for (bool is_first = true; !rest_.empty(); is_first = false) {
      if (rest_.starts_with("&&")) return Failure("intersections, as in [a-z&&[^x]], have none");
      const char c = Take();
      if (c == ']' && !is_first) return brackets.Text();
      if (c == '[') return Failure("brackets in brackets have none");
      char first = c;
      if (c == '\\') {
        if (rest_.empty()) break;
        first = Take();
        if (const auto inside = ClassOf(first)) {
          brackets.AddClass(*inside);
          continue;
        }
        if (IsLetterOrDigit(first)) return Unknown(first);
      }
      const bool is_range =
          rest_.size() > 1 && rest_[0] == '-' && rest_[1] != ']' && rest_[1] != '[';
      if (!is_range) {
        brackets.Add(first);
        continue;
      }
      const char last = rest_[1];
      if (!IsLetterOrDigit(first) || !IsLetterOrDigit(last)) {
        return Failure("ranges of other characters than letters and digits are not converted");
      }
      rest_.remove_prefix(2);
      brackets.AddRange(first, last);
    }
    return Failure("a bracket is not closed");
  }

  static Part Unknown(char letter) { return Failure(std::string("\\") + letter + " has none"); }

  std::string_view rest_;
};

}  // namespace

Part TranslateRegex(std::string_view pattern) { return RegexTranslator(pattern).Translate(); }

}  // namespace khs::config
