#include "app/output.h"

#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>

namespace khs::app {

bool FlushOutput() {
  const bool had_error = std::ferror(stdout) != 0;
  errno = 0;
  if (std::fflush(stdout) == 0 && !had_error) return true;
  const std::string reason =
      errno == 0 ? std::string("not all was written") : std::system_category().message(errno);
  PrintError("standard output", "cannot be written: " + reason);
  return false;
}

void PrintProblems(const config::Problems& problems) {
  for (const config::Problem& problem : problems) {
    std::fprintf(stderr, "%s\n", config::Format(problem).c_str());
  }
}

void PrintError(const std::string& about, const std::string& message) {
  std::fprintf(stderr, "%s: error: %s\n", about.c_str(), message.c_str());
}

}  // namespace khs::app
