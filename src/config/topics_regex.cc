#include "config/topics_regex.h"

#include <regex.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

#include "config/text.h"

namespace khs::config {
namespace {

constexpr size_t kMaxBytes = 8'192;
constexpr size_t kMaxDepth = 50;
constexpr size_t kMaxElements = 20'000;
constexpr size_t kMaxRepetitions = 0x7fff;  // RE_DUP_MAX

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Returns the offset after the bracket expression at `at`.
size_t AfterBrackets(std::string_view pattern, size_t at) {
  size_t i = at + 1;
  if (i < pattern.size() && pattern[i] == '^') ++i;
  for (bool first = true; i < pattern.size(); first = false) {
    if (pattern[i] == ']' && !first) return i + 1;
    const char kind = i + 1 < pattern.size() && pattern[i] == '[' ? pattern[i + 1] : '\0';
    if (kind == ':' || kind == '.' || kind == '=') {
      const size_t end = pattern.find(std::string{kind, ']'}, i + 2);
      if (end == std::string_view::npos) return pattern.size();
      i = end + 2;
    } else {
      ++i;
    }
  }
  return pattern.size();
}

// Returns the number of copies that glibc makes for `{m,n}` at `at`, and moves `at` behind it.
size_t Repetitions(std::string_view pattern, size_t& at) {
  size_t most = 1;
  size_t number = 0;
  for (++at; at < pattern.size() && pattern[at] != '}'; ++at) {
    number = IsDigit(pattern[at])
                 ? std::min(number * 10 + static_cast<size_t>(pattern[at] - '0'), kMaxRepetitions)
                 : 0;
    most = std::max(most, number);
  }
  at = std::min(at + 1, pattern.size());
  return most;
}

// Validates the size of the compiled pattern. The result is arbitrary for an invalid pattern.
std::string ValidateSize(std::string_view pattern) {
  if (pattern.size() > kMaxBytes) return "the pattern is longer than 8192 bytes";
  std::vector<size_t> outer;  // elements of the enclosing groups, outermost first
  size_t elements = 0;        // of the current group
  size_t last = 0;            // of its last part, to which a repetition applies
  for (size_t i = 0; i < pattern.size();) {
    const char c = pattern[i];
    if (c == '(') {
      outer.push_back(elements);
      if (outer.size() > kMaxDepth) return "more than 50 nested parentheses";
      elements = last = 0;
      ++i;
      continue;
    }
    if (c == ')' && !outer.empty()) {
      last = elements + 1;
      elements = outer.back() + last;
      outer.pop_back();
      ++i;
    } else if (c == '{') {
      const size_t added = last * (Repetitions(pattern, i) - 1);
      elements += added;
      last += added;
    } else {
      if (c == '\\' && i + 1 < pattern.size() && IsDigit(pattern[i + 1])) {
        return "back-references are not supported";
      }
      i = c == '[' ? AfterBrackets(pattern, i) : i + (c == '\\' ? 2 : 1);
      last = 1;
      ++elements;
    }
    if (elements > kMaxElements)
      return "it has more than 20000 elements when repetitions are expanded";
  }
  return {};
}

}  // namespace

std::string ValidateTopicsRegex(const std::string& pattern) {
  if (HasControlCharacter(pattern)) return "must not contain control characters";
  if (std::string reason = ValidateSize(pattern); !reason.empty()) return reason;
  regex_t compiled;
  const int error = regcomp(&compiled, pattern.c_str(), REG_EXTENDED | REG_NOSUB);
  if (error == 0) {
    regfree(&compiled);
    return {};
  }
  std::array<char, 128> words{};
  regerror(error, &compiled, words.data(), words.size());
  return std::string("not a POSIX extended regular expression: ") + words.data();
}

bool MatchesTopicsRegex(const std::string& pattern, const std::string& topic) {
  regex_t compiled;
  const std::string whole = "^(" + pattern + ")$";
  if (regcomp(&compiled, whole.c_str(), REG_EXTENDED | REG_NOSUB) != 0) return false;
  const bool matches = regexec(&compiled, topic.c_str(), 0, nullptr, 0) == 0;
  regfree(&compiled);
  return matches;
}

}  // namespace khs::config
