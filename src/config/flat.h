#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/problem.h"

namespace khs::config {

// What the value was where it was written. A definition from REST or the environment has strings
// only, or null.
enum class ValueKind {
  kString,
  kInteger,
  kFloat,
  kBoolean,
  kList,       // of strings and numbers
  kTable,      // one that is kept whole, or an empty one
  kOther,      // a date or a time
  kMixedList,  // a list that holds something else than strings and numbers
  kNull,       // JSON only
};

// One key with its value as a flat string, which is what Kafka Connect's API shows: a list is
// joined by commas, a table becomes a JSON object.
struct Entry {
  std::string key;  // dotted, as written
  std::string text;
  ValueKind kind = ValueKind::kString;
  Position position;  // of the key

  bool operator==(const Entry&) const = default;
};

// In the order of the file.
using FlatConfig = std::vector<Entry>;

// Which keys keep a table whole (`callback.request.headers`) instead of flattening it.
using KeepsTable = bool (*)(std::string_view dotted_key);

// For connector files and sidecar.toml alike.
bool KeepsHeaderTable(std::string_view dotted_key);

// Dotted keys, nested tables and quoted keys all flatten to the same dotted name. Only the syntax
// is judged here; on a syntax error, a key that is given twice, or text that is not UTF-8 there are
// problems and no configuration.
base::Expected<FlatConfig, Problems> ReadToml(const std::string& file, std::string_view text,
                                              KeepsTable keeps_table);

// A file of strings, and of tables of strings, that ReadToml reads back: `values` at the top,
// `table` under its name. All texts are UTF-8.
std::string WriteToml(const std::map<std::string, std::string>& values,
                      const std::string& table_name,
                      const std::map<std::string, std::string>& table);

}  // namespace khs::config
