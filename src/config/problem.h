#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace khs::config {

// A position in a file, counted from 1. Line 0 means the whole file.
struct Position {
  int line = 0;
  int column = 0;

  bool operator==(const Position&) const = default;
};

enum class Severity { kError, kWarning };

// An error or warning about a definition, for its author.
struct Problem {
  std::string file;  // as given by the user, or "environment", or "REST"
  Position position;
  std::string key;  // empty: the whole file
  std::string message;
  Severity severity = Severity::kError;

  bool operator==(const Problem&) const = default;
};

using Problems = std::vector<Problem>;

bool HasErrors(const Problems& problems);

constexpr size_t kMaxProblems = 100;
// Replaces all problems after the first kMaxProblems by one that says how many there were, at the
// position of the first of them.
void LimitProblems(Problems& problems);

// Returns `FILE:LINE:COL`, or `FILE` for the whole file.
std::string Place(const Problem& problem);

// Returns the message, preceded by the key unless the message contains it.
std::string MessageWithKey(const Problem& problem);

// Returns `FILE:LINE:COL: error: KEY: MESSAGE`, without missing parts.
std::string Format(const Problem& problem);

}  // namespace khs::config
