#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace khs::config {

// A place in a file, counted from 1 as editors do. Line 0 means the file as a whole.
struct Position {
  int line = 0;
  int column = 0;

  bool operator==(const Position&) const = default;
};

enum class Severity { kError, kWarning };

// One thing that is wrong with a definition, said so that its author can mend it.
struct Problem {
  std::string file;  // as the user named it, or "environment", or "REST"
  Position position;
  std::string key;  // may be empty: the file as a whole
  std::string message;
  Severity severity = Severity::kError;

  bool operator==(const Problem&) const = default;
};

using Problems = std::vector<Problem>;

constexpr size_t kMostProblems = 100;
// Keeps so many, and one that says how many more there were, at the place of the first of them.
void LimitProblems(Problems& problems);

// `FILE:LINE:COL`, or `FILE` for the file as a whole.
std::string Place(const Problem& problem);

// The message, with the key before it where its words do not name it.
std::string Sentence(const Problem& problem);

// `FILE:LINE:COL: error: KEY: MESSAGE`; a missing key or position leaves its part out.
std::string Format(const Problem& problem);

}  // namespace khs::config
