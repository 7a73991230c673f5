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

constexpr size_t kMostBytes = 8'192;
constexpr size_t kDeepest = 50;
constexpr size_t kMostElements = 20'000;
constexpr size_t kMostRepetitions = 0x7fff;  // RE_DUP_MAX

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Behind a bracket expression that begins at `at`.
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

// How often `{m,n}` at `at` makes glibc write out what stands before it; `at` is moved behind it.
size_t Repetitions(std::string_view pattern, size_t& at) {
  size_t most = 1;
  size_t number = 0;
  for (++at; at < pattern.size() && pattern[at] != '}'; ++at) {
    number = IsDigit(pattern[at])
                 ? std::min(number * 10 + static_cast<size_t>(pattern[at] - '0'), kMostRepetitions)
                 : 0;
    most = std::max(most, number);
  }
  at = std::min(at + 1, pattern.size());
  return most;
}

// What glibc would have to build. Of a pattern that it refuses anyhow it may say anything.
std::string JudgeSize(std::string_view pattern) {
  if (pattern.size() > kMostBytes) return "more than 8192 bytes are no pattern to be used";
  std::vector<size_t> around;  // elements of the groups that are open, from the outermost on
  size_t elements = 0;         // of the group at hand
  size_t last = 0;             // of its last part, to which a repetition applies
  for (size_t i = 0; i < pattern.size();) {
    const char c = pattern[i];
    if (c == '(') {
      around.push_back(elements);
      if (around.size() > kDeepest) return "more than 50 parentheses in each other";
      elements = last = 0;
      ++i;
      continue;
    }
    if (c == ')' && !around.empty()) {
      last = elements + 1;
      elements = around.back() + last;
      around.pop_back();
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
    if (elements > kMostElements) return "its repetitions come to more than 20000 elements";
  }
  return {};
}

}  // namespace

std::string JudgeTopicsRegex(const std::string& pattern) {
  if (HasControlCharacter(pattern)) return "a pattern has no control characters";
  if (std::string reason = JudgeSize(pattern); !reason.empty()) return reason;
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
