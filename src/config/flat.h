#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/problem.h"

namespace khs::config {

// The type of a value as written. Values of REST and the environment are strings or null.
enum class ValueKind {
  kString,
  kInteger,
  kFloat,
  kBoolean,
  kList,       // of strings and numbers
  kTable,      // a table that is not flattened, or an empty one
  kOther,      // a date or a time
  kMixedList,  // a list with other elements than strings and numbers
  kNull,       // JSON only
};

// A key with its value as a flat string, as in Kafka Connect's API: the elements of a list are
// joined by commas, a table becomes a JSON object.
struct Entry {
  std::string key;  // dotted, as written
  std::string text;
  ValueKind kind = ValueKind::kString;
  Position position;  // of the key

  bool operator==(const Entry&) const = default;
};

// All entries of a file, in its order.
using FlatConfig = std::vector<Entry>;

// Returns null if the key is not set.
inline const Entry* FindEntry(const FlatConfig& config, std::string_view key) {
  const auto found = std::find_if(config.begin(), config.end(),
                                  [key](const Entry& entry) { return entry.key == key; });
  return found == config.end() ? nullptr : &*found;
}

// Returns whether the table of a key stays one value (`callback.request.headers`,
// `oauth2.token.params`).
using KeepsTable = bool (*)(std::string_view dotted_key);

// The KeepsTable of connector files and sidecar.toml.
bool KeepsHeaderTable(std::string_view dotted_key);

// Parses TOML. Dotted keys, nested tables and quoted keys all flatten to the same dotted name.
// Fails with problems on a syntax error, a repeated key, or text that is not UTF-8.
base::Expected<FlatConfig, Problems> ReadToml(const std::string& file, std::string_view text,
                                              KeepsTable keeps_table);

// Writes a TOML file of strings: `values` at the top, `table` under its name. All texts are UTF-8.
std::string WriteToml(const std::map<std::string, std::string>& values,
                      const std::string& table_name,
                      const std::map<std::string, std::string>& table);

}  // namespace khs::config
