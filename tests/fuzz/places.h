#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.h"
#include "config/problem.h"
#include "fuzz/fuzz.h"

namespace khs::fuzz {

// Returns whether a position is in the text, or one character past the end of a line.
inline bool IsWithin(std::string_view text, config::Position position) {
  if (position == config::Position{}) return true;  // the whole file
  if (position.line < 1 || position.column < 1) return false;
  for (int line = 1; line < position.line; ++line) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return false;
    text.remove_prefix(end + 1);
  }
  int columns = 1;
  for (const char c : text.substr(0, text.find('\n'))) {
    if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) ++columns;
  }
  return position.column <= columns;
}

// Checks that a problem has a position in the text and a message on one line.
inline void CheckProblem(const config::Problem& problem, std::string_view text) {
  if (!IsWithin(text, problem.position)) {
    std::fprintf(stderr, "%s\n", config::Format(problem).c_str());
  }
  FUZZ_CHECK(IsWithin(text, problem.position));
  FUZZ_CHECK(!problem.message.empty());
  const std::string line = config::Format(problem);
  FUZZ_CHECK(base::IsUtf8(line) && !base::HasControlCharacter(line));
}

}  // namespace khs::fuzz
