#include "config/problem.h"

#include "config/text.h"

namespace khs::config {

std::string Format(const Problem& problem) {
  // Keys and values are whatever someone wrote: Printable keeps a problem on its one line.
  std::string line = Printable(problem.file);
  if (problem.position.line > 0) {
    line +=
        ':' + std::to_string(problem.position.line) + ':' + std::to_string(problem.position.column);
  }
  line += problem.severity == Severity::kError ? ": error: " : ": warning: ";
  if (!problem.key.empty()) line += Printable(problem.key) + ": ";
  return line + Printable(problem.message);
}

}  // namespace khs::config
