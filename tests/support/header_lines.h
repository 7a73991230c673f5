#pragma once

#include <string>
#include <utility>
#include <vector>

#include "request/headers.h"

namespace khs::testing {

// Parses a request's headers into names and values, in order.
inline std::vector<std::pair<std::string, std::string>> HeaderLines(
    const request::Headers& headers) {
  std::vector<std::pair<std::string, std::string>> all;
  const std::string& lines = headers.lines();
  for (size_t begin = 0; begin < lines.size();) {
    const size_t colon = lines.find(": ", begin);
    const size_t end = lines.find("\r\n", colon);
    all.emplace_back(lines.substr(begin, colon - begin), lines.substr(colon + 2, end - colon - 2));
    begin = end + 2;
  }
  return all;
}

}  // namespace khs::testing
