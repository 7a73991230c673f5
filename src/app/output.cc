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
  std::fprintf(stderr, "standard output: error: cannot be written: %s\n", reason.c_str());
  return false;
}

}  // namespace khs::app
