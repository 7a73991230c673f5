#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/problem.h"

namespace khs::config {

// Looks at TOML's text for what its parser does not tell: where a dotted key begins, and which bare
// key would need quotes.

class TomlLines {
 public:
  explicit TomlLines(std::string_view text);

  // Where the dotted key starts whose last part is at `last_part`; columns count code points.
  Position KeyStart(Position last_part) const;

  // The place, or the end of its line when it lies beyond.
  Position Within(Position place) const;

 private:
  std::vector<std::string> lines_;
};

// A dotted key of so many parts that parsing it, which recurses, would exhaust the stack.
std::optional<Position> FindTooDeepKey(std::string_view text);

// Puts bare dotted keys in quotes that can clash with the key at `line`: those that begin with it,
// or else that one. Answers what is newly quoted, by line.
std::map<int, std::string> QuoteClashingKeys(std::string& text, int line);

}  // namespace khs::config
