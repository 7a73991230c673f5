#include "config/problem.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "config/text.h"

namespace khs::config {
namespace {

bool IsKeyCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

// Returns whether the message contains the key as a whole word: `topics` does not contain `topic`.
bool NamesKey(std::string_view message, std::string_view key) {
  for (size_t at = message.find(key); at != std::string_view::npos;
       at = message.find(key, at + 1)) {
    const size_t end = at + key.size();
    const bool starts = at == 0 || !IsKeyCharacter(message[at - 1]);
    if (starts && (end == message.size() || !IsKeyCharacter(message[end]))) return true;
  }
  return false;
}

bool IsError(const Problem& problem) { return problem.severity == Severity::kError; }

}  // namespace

bool HasErrors(const Problems& problems) {
  return std::any_of(problems.begin(), problems.end(), IsError);
}

void LimitProblems(Problems& problems) {
  if (problems.size() <= kMaxProblems) return;
  const auto rest = problems.begin() + kMaxProblems;
  const bool has_error = std::any_of(rest, problems.end(), IsError);
  *rest = {rest->file,
           rest->position,
           {},
           "and " + std::to_string(problems.end() - rest) + " more",
           has_error ? Severity::kError : Severity::kWarning};
  problems.erase(rest + 1, problems.end());
}

std::string Place(const Problem& problem) {
  std::string place = Printable(problem.file);
  if (problem.position.line > 0) {
    place +=
        ':' + std::to_string(problem.position.line) + ':' + std::to_string(problem.position.column);
  }
  return place;
}

std::string MessageWithKey(const Problem& problem) {
  if (problem.key.empty() || NamesKey(problem.message, problem.key)) return problem.message;
  return Printable(problem.key) + ": " + problem.message;
}

std::string Format(const Problem& problem) {
  std::string line = Place(problem);
  line += problem.severity == Severity::kError ? ": error: " : ": warning: ";
  if (!problem.key.empty()) line += Printable(problem.key) + ": ";
  return line + Printable(problem.message);
}

}  // namespace khs::config
