#include "config/problem.h"

#include "config/text.h"

namespace khs::config {

std::string Place(const Problem& problem) {
  // Whatever someone wrote: Printable keeps it on one line.
  std::string place = Printable(problem.file);
  if (problem.position.line > 0) {
    place +=
        ':' + std::to_string(problem.position.line) + ':' + std::to_string(problem.position.column);
  }
  return place;
}

std::string Sentence(const Problem& problem) {
  const bool names_key =
      problem.key.empty() || problem.message.find(problem.key) != std::string::npos;
  return names_key ? problem.message : Printable(problem.key) + ": " + problem.message;
}

std::string Format(const Problem& problem) {
  std::string line = Place(problem);
  line += problem.severity == Severity::kError ? ": error: " : ": warning: ";
  if (!problem.key.empty()) line += Printable(problem.key) + ": ";
  return line + Printable(problem.message);
}

}  // namespace khs::config
