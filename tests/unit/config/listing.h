#pragma once

#include <string>
#include <vector>

#include "config/problem.h"

namespace khs::config {

// The lines that `check` prints.
inline std::vector<std::string> Listing(const Problems& problems) {
  std::vector<std::string> lines;
  for (const Problem& problem : problems) lines.push_back(Format(problem));
  return lines;
}

}  // namespace khs::config
