#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/problem.h"

namespace khs::config {

// The lines of a TOML text, which must outlive this object. Finds positions that toml++ does not
// report.
class TomlLines {
 public:
  explicit TomlLines(std::string_view text);

  // Returns the start of the dotted key whose last part is at `last_part`. Columns count code
  // points.
  Position KeyStart(Position last_part) const;

  // Returns the position, or the end of its line if that is less.
  Position Within(Position place) const;

 private:
  std::vector<std::string> lines_;
};

// Finds a dotted key with so many parts that toml++'s recursion could exhaust the stack.
std::optional<Position> FindTooDeepKey(std::string_view text);

// Quotes the bare dotted keys that begin with the key at `line`, or else that key itself. Returns
// the newly quoted keys by line.
std::map<int, std::string> QuoteClashingKeys(std::string& text, int line);

// Returns a TOML string on one line. JSON's escapes are valid in TOML, which also escapes DEL.
std::string QuoteToml(std::string_view text);

// Returns one part of a key, in quotes if it needs them.
std::string QuoteTomlKey(std::string_view key);

}  // namespace khs::config
