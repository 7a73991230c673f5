#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/flat.h"
#include "config/json_value.h"
#include "config/text.h"
#include "config/toml_keys.h"

namespace khs::config {
namespace {

constexpr int kMaxRepairs = 32;

Position ToPosition(const toml::source_position& place) {
  return {static_cast<int>(place.line), static_cast<int>(place.column)};
}

bool IsBefore(Position left, Position right) {
  return std::pair(left.line, left.column) < std::pair(right.line, right.column);
}

std::optional<std::string> ScalarText(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* number = node.as_floating_point()) return fmt::format("{}", number->get());
  if (const auto* truth = node.as_boolean()) return truth->get() ? "true" : "false";
  return std::nullopt;
}

// toml++ sorts a table by key. Returns its members in the order of the file.
std::vector<std::pair<const toml::key*, const toml::node*>> InFileOrder(const toml::table& table) {
  std::vector<std::pair<const toml::key*, const toml::node*>> members;
  for (auto&& [key, node] : table) members.emplace_back(&key, &node);
  std::stable_sort(members.begin(), members.end(), [](const auto& left, const auto& right) {
    return IsBefore(ToPosition(left.first->source().begin),
                    ToPosition(right.first->source().begin));
  });
  return members;
}

// Converts a table to JSON. Values that JSON cannot represent become null, and validation rejects
// them.
std::string ToJson(const toml::table& table) {
  std::string json = "{";
  for (const auto& [key, node] : InFileOrder(table)) {
    if (json.size() > 1) json += ',';
    json += QuoteJson(key->str()) + ':';
    const std::optional<std::string> text = ScalarText(*node);
    if (node->is_string()) {
      json += QuoteJson(*text);
    } else if (node->is_integer() || node->is_boolean()) {
      json += *text;
    } else if (const auto* number = node->as_floating_point(); number && std::isfinite(**number)) {
      json += *text;
    } else {
      json += "null";
    }
  }
  return json + '}';
}

// Returns whether a text has a comma outside of references to secrets.
bool HasComma(std::string_view text) {
  for (size_t at = 0; at < text.size(); ++at) {
    const std::string_view rest = text.substr(at);
    if (rest.front() == ',') return true;
    if (rest.starts_with("$${")) {
      at += 2;
    } else if (rest.starts_with("${")) {
      at += std::min(rest.find('}'), rest.size() - 1);
    }
  }
  return false;
}

// Returns whether a key is `signature.secrets`. A secret with a comma must not become two.
bool IsListOfSecrets(std::string_view key) {
  return key == "signature.secrets" || key == "defaults.signature.secrets";
}

// Converts the tables of toml++ to a FlatConfig.
class Flattener {
 public:
  Flattener(std::string_view text, KeepsTable keeps_table)
      : lines_(text), keeps_table_(keeps_table) {}

  // Returns the keys with elements that would become two.
  const std::vector<std::pair<std::string, Position>>& split() const { return split_; }

  FlatConfig Flatten(const toml::table& root) {
    Walk(root, {});
    std::stable_sort(config_.begin(), config_.end(), [](const Entry& left, const Entry& right) {
      return IsBefore(left.position, right.position);
    });
    return std::move(config_);
  }

 private:
  void Walk(const toml::table& table, const std::string& prefix) {
    for (auto&& [key, node] : table) {
      const std::string name = prefix + std::string(key.str());
      const toml::table* inner = node.as_table();
      if (inner && !inner->empty() && !keeps_table_(name)) {
        Walk(*inner, name + '.');
      } else {
        Add(name, lines_.KeyStart(ToPosition(key.source().begin)), node);
      }
    }
  }

  void Add(const std::string& name, Position position, const toml::node& node) {
    Entry entry{name, ScalarText(node).value_or(""), ValueKind::kOther, position};
    if (node.is_string()) entry.kind = ValueKind::kString;
    if (node.is_integer()) entry.kind = ValueKind::kInteger;
    if (node.is_floating_point()) entry.kind = ValueKind::kFloat;
    if (node.is_boolean()) entry.kind = ValueKind::kBoolean;
    if (const auto* table = node.as_table()) {
      entry.kind = ValueKind::kTable;
      entry.text = ToJson(*table);
    }
    if (const auto* array = node.as_array()) {
      AddElements(*array, entry);
      const bool is_split = std::any_of(array->begin(), array->end(), [](const auto& element) {
        return HasComma(ScalarText(element).value_or(""));
      });
      if (is_split && IsListOfSecrets(name)) split_.emplace_back(name, position);
    }
    config_.push_back(std::move(entry));
  }

  static void AddElements(const toml::array& array, Entry& entry) {
    entry.kind = ValueKind::kList;
    for (const toml::node& element : array) {
      if (!element.is_string() && !element.is_number()) entry.kind = ValueKind::kMixedList;
      if (&element != &*array.begin()) entry.text += ',';
      entry.text += ScalarText(element).value_or("");
    }
  }

  const TomlLines lines_;
  const KeepsTable keeps_table_;
  FlatConfig config_;
  std::vector<std::pair<std::string, Position>> split_;
};

struct SyntaxError {
  Position position;
  std::string message;
};

base::Expected<toml::table, SyntaxError> Parse(const std::string& file, std::string_view text) {
  try {
    return toml::parse(text, std::string_view(file));
  } catch (const toml::parse_error& error) {
    return base::Unexpected<SyntaxError>(
        {ToPosition(error.source().begin), std::string(error.description())});
  }
}

Problems FindRepeated(const std::string& file, const FlatConfig& config) {
  Problems problems;
  std::map<std::string_view, Position> seen;
  for (const Entry& entry : config) {
    const auto [first, is_new] = seen.try_emplace(entry.key, entry.position);
    if (is_new) continue;
    problems.push_back({file, entry.position, entry.key,
                        fmt::format("Is already given at line {}, column {}: keep one of them",
                                    first->second.line, first->second.column)});
  }
  return problems;
}

// Returns whether a key is `topics.regex`. Validation reports it together with `topics`, in any
// spelling and with Kafka's message.
bool IsCheckedLater(const std::string& key) {
  return key == "topics.regex" || key == "defaults.topics.regex";
}

}  // namespace

bool KeepsHeaderTable(std::string_view dotted_key) {
  if (dotted_key.starts_with("defaults.")) dotted_key.remove_prefix(9);
  return dotted_key == "callback.request.headers" || dotted_key == "oauth2.token.params";
}

base::Expected<FlatConfig, Problems> ReadToml(const std::string& file, std::string_view text,
                                              KeepsTable keeps_table) {
  using Failure = base::Unexpected<Problems>;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  if (const std::optional<Position> place = FindTooDeepKey(text)) {
    return Failure({{file, *place, {}, "A key of this many parts is not supported"}});
  }
  // TOML forbids `value.converter = ...` beside a bare `value.converter.schemas.enable = ...`.
  // Quoting the longer key makes the text valid, so that all its problems are found at once.
  std::string repaired(text);
  std::map<int, std::string> quoted;  // quoted keys by line
  std::map<int, SyntaxError> errors;  // the first of each line, before its columns change
  auto table = Parse(file, repaired);
  for (int attempt = 0; !table && attempt < kMaxRepairs; ++attempt) {
    errors.emplace(table.error().position.line, table.error());
    const auto more = QuoteClashingKeys(repaired, table.error().position.line);
    if (more.empty()) break;
    quoted.insert(more.begin(), more.end());
    table = Parse(file, repaired);
  }
  if (!table) {
    const auto error = errors.emplace(table.error().position.line, table.error()).first;
    // toml++ reports an error at the end of the file one column too far.
    const Position place = TomlLines(text).Within(error->second.position);
    return Failure({{file, place, {}, error->second.message}});
  }
  Flattener flattener(repaired, keeps_table);
  FlatConfig config = flattener.Flatten(*table);
  Problems problems = FindRepeated(file, config);
  for (const auto& [key, position] : flattener.split()) {
    problems.push_back({file, position, key,
                        "An element of the list has a comma: a secret with a comma must be a "
                        "reference"});
  }
  for (const Entry& entry : config) {
    const auto key = quoted.find(entry.position.line);
    if (key == quoted.end() || IsCheckedLater(entry.key)) continue;
    const bool repeated = std::any_of(problems.begin(), problems.end(), [&](const Problem& known) {
      return known.position == entry.position;
    });
    if (repeated) continue;
    problems.push_back(
        {file, entry.position, entry.key,
         "TOML allows no dotted key next to a value for its prefix: write the key in "
         "quotes, \"" +
             key->second + "\" = ..."});
  }
  if (problems.empty()) return config;
  std::stable_sort(problems.begin(), problems.end(), [](const Problem& left, const Problem& right) {
    return IsBefore(left.position, right.position);
  });
  LimitProblems(problems);
  return Failure(std::move(problems));
}

std::string WriteToml(const std::map<std::string, std::string>& values,
                      const std::string& table_name,
                      const std::map<std::string, std::string>& table) {
  // toml++'s formatter does not quote keys with tabs and line ends.
  std::string text;
  const auto add = [&text](const std::map<std::string, std::string>& members) {
    for (const auto& [key, value] : members) {
      text.append(QuoteTomlKey(key)).append(" = ").append(QuoteToml(value)).append("\n");
    }
  };
  add(values);
  if (table.empty()) return text;
  text.append("\n[").append(QuoteTomlKey(table_name)).append("]\n");
  add(table);
  return text;
}

}  // namespace khs::config
