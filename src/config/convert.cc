#include "config/convert.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "config/connector_config.h"
#include "config/connector_rules.h"
#include "config/definitions.h"
#include "config/foreign_connector.h"
#include "config/foreign_values.h"
#include "config/json.h"
#include "config/problem_list.h"
#include "config/text.h"
#include "config/toml_keys.h"

namespace khs::config {
namespace {

bool IsSet(const Entry& entry) {
  return entry.kind != ValueKind::kNull && !Trim(entry.text).empty();
}

// Returns the row of an entry that is set; null if there is none.
const ForeignKey* FindRow(ForeignKind kind, const Entry& entry) {
  const ForeignKey* const row = FindForeignKey(kind, entry.key);
  const bool is_blank = entry.kind != ValueKind::kNull && row != nullptr && row->is_blank_a_value;
  return IsSet(entry) || is_blank ? row : nullptr;
}

ForeignValue ToValue(const Entry& entry) {
  return {entry.key, std::string(Trim(entry.text)), entry.position};
}

// Translates what is in the table, in its order, so that a row may depend on those above it.
void TranslateTable(const FlatConfig& definition, Translation& translation) {
  std::vector<const ForeignKey*> row_of;
  for (const Entry& entry : definition) {
    row_of.push_back(FindRow(translation.kind(), entry));
  }
  for (const auto& group : ForeignKeys(translation.kind())) {
    for (const ForeignKey& row : group) {
      bool is_set = false;
      for (size_t i = 0; i < definition.size(); ++i) {
        if (row_of[i] != &row) continue;
        is_set = true;
        row.translate(translation, row, ToValue(definition[i]));
      }
      if (is_set || !row.default_value) continue;
      row.translate(translation, row,
                    {std::string(row.key), std::string(*row.default_value), {}, true});
    }
  }
}

// Returns whether a key is one of Kafka Connect, and not of this program alone.
bool IsConnectKey(std::string_view key) {
  const KeyDefinition* const known = FindKey(ConnectorKeys(), key);
  return known != nullptr &&
         (known->group == "Common" || known->group == "Error Handling" || known->group == "Kafka");
}

// Copies the keys of Kafka Connect, which mean the same here.
void CopyOtherKeys(const FlatConfig& definition, Translation& translation) {
  for (const Entry& entry : definition) {
    if (!IsSet(entry) || FindForeignKey(translation.kind(), entry.key) != nullptr) continue;
    const bool is_known = IsConnectKey(entry.key);
    const ForeignKey row{entry.key, is_known ? std::string_view(entry.key) : ""};
    if (is_known) {
      TranslateCopy(translation, row, ToValue(entry));
    } else {
      translation.Lose(row, ToValue(entry),
                       "it is not a known key of " + std::string(NameOf(translation.kind())));
    }
  }
}

Translation TranslateDefinition(ForeignKind kind, const std::string& file,
                                const FlatConfig& definition) {
  Translation translation(kind, file, definition);
  TranslateTable(definition, translation);
  CopyOtherKeys(definition, translation);
  translation.Set("response.retry.indicator", "optional");
  if (kind == ForeignKind::kAiven) translation.Set("behavior.on.null.values", "fail");
  const bool names_format = !translation.Find("value.converter").empty() ||
                            !translation.Find("input.data.format").empty();
  if (!names_format) {
    translation.Warn({"value.converter", {}, {}},
                     "it is not given, so the worker's applies there; here the record's bytes are "
                     "sent as they are");
  }
  return translation;
}

// Returns a TOML string, without escapes if that is possible.
std::string QuoteReadably(const std::string& text) {
  const bool needs_escapes = text.find_first_of("\"\\") != std::string::npos;
  const bool can_be_literal = text.find('\'') == std::string::npos && !HasControlCharacter(text);
  return needs_escapes && can_be_literal ? '\'' + text + '\'' : QuoteToml(text);
}

bool IsPlainNumber(std::string_view text) {
  constexpr size_t kMaxDigits = 18;
  return !text.empty() && text.size() <= kMaxDigits && (text.size() == 1 || text[0] != '0') &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string WriteValue(const KeyDefinition* key, const std::string& text) {
  const bool is_number = key && (key->type == KeyType::kInt || key->type == KeyType::kLong);
  const bool is_boolean = key && key->type == KeyType::kBoolean;
  if (is_number && IsPlainNumber(text)) return text;
  if (is_boolean && (text == "true" || text == "false")) return text;
  return QuoteReadably(text);
}

using Values = std::map<std::string, std::string, std::less<>>;

// Writes a dotted key. TOML allows none beside a value for the beginning of its name.
std::string WriteKey(const std::string& key, const Values& values) {
  const bool clashes = std::any_of(values.begin(), values.end(), [&key](const auto& other) {
    return key.starts_with(other.first + '.');
  });
  std::string written;
  for (std::string_view rest = key; !clashes;) {
    const std::string_view part = rest.substr(0, rest.find('.'));
    if (QuoteTomlKey(part) != part) break;
    written.append(part);
    if (part.size() == rest.size()) return written;
    written += '.';
    rest.remove_prefix(part.size() + 1);
  }
  return QuoteToml(key);
}

// Writes the definition in the order of the reference.
std::string WriteDefinition(const Translation& translation) {
  const auto keys = ConnectorKeys();
  std::vector<std::pair<const KeyDefinition*, const std::pair<const std::string, std::string>*>>
      lines;
  for (const auto& value : translation.values())
    lines.emplace_back(FindKey(keys, value.first), &value);
  std::stable_sort(lines.begin(), lines.end(), [&keys](const auto& left, const auto& right) {
    const KeyDefinition* const end = keys.data() + keys.size();
    return (left.first ? left.first : end) < (right.first ? right.first : end);
  });
  std::string text;
  for (const auto& [key, value] : lines) {
    text += WriteKey(value->first, translation.values()) + " = " + WriteValue(key, value->second) +
            '\n';
  }
  if (translation.headers().empty()) return text;
  text += "\n[callback.request.headers]\n";
  for (const auto& [name, value] : translation.headers()) {
    text += QuoteTomlKey(name) + " = " + QuoteReadably(value) + '\n';
  }
  return text;
}

// Returns whether a definition is invalid only because a value was lost.
bool IsExplained(const Problem& problem, const Translation& translation) {
  const auto& lost = translation.lost();
  return std::any_of(lost.begin(), lost.end(), [&problem](const std::string& key) {
    return problem.key == key || problem.message.find(key) != std::string::npos;
  });
}

// Reports what `check` would find in the definition, unless the reason is known already.
void ReportFindings(const std::string& file, const std::string& toml,
                    const Translation& translation, ProblemList& problems) {
  for (const Problem& problem : FindProblems({file, "converted"}, toml)) {
    // The keys are those of the table, or were known.
    const bool is_known = problem.key.empty() || FindKey(ConnectorKeys(), problem.key) != nullptr;
    const bool is_error = problem.severity == Severity::kError;
    if (!is_known || (is_error && IsExplained(problem, translation))) continue;
    problems.Add({file, {}, problem.key, problem.message, problem.severity});
  }
}

std::string WriteComments(const Translation& translation, const Problems& problems) {
  std::string text =
      "# Converted from a definition of " + std::string(NameOf(translation.kind())) + ".\n";
  const auto add = [&text](std::string_view title, auto begin, auto end, auto line_of) {
    bool has_title = false;
    for (auto one = begin; one != end; ++one) {
      const std::string line = line_of(*one);
      if (line.empty()) continue;
      if (!std::exchange(has_title, true)) text += "#\n# " + std::string(title) + ":\n";
      text += "#   " + Printable(line) + '\n';
    }
  };
  const auto problem_of = [](Severity severity) {
    return [severity](const Problem& problem) {
      if (problem.severity != severity) return std::string();
      return problem.key.empty() ? problem.message : problem.key + ": " + problem.message;
    };
  };
  add("Lost", problems.begin(), problems.end(), problem_of(Severity::kError));
  add("Different", problems.begin(), problems.end(), problem_of(Severity::kWarning));
  const auto& left_out = translation.left_out();
  add("Not needed", left_out.begin(), left_out.end(),
      [](const auto& one) { return one.first + ": " + one.second; });
  return text + '\n';
}

}  // namespace

base::Expected<Conversion, Problems> ConvertDefinition(const std::string& file,
                                                       std::string_view text) {
  using Failure = base::Unexpected<Problems>;
  const auto definition = ReadAnyJson(file, text);
  if (!definition) return Failure(definition.error());
  const auto kind = RecognizeKind([&definition](std::string_view key) {
    const Entry* const entry = FindEntry(*definition, key);
    return entry == nullptr ? nullptr : &entry->text;
  });
  if (!kind) {
    return Failure({{file,
                     {},
                     "connector.class",
                     FindEntry(*definition, "callback.request.url") != nullptr
                         ? "Nothing to convert: check it as it is"
                         : "Only definitions of Confluent's, Aiven's and Lenses' HTTP sinks can be "
                           "converted"}});
  }
  const Translation translation = TranslateDefinition(*kind, file, *definition);
  const std::string toml = WriteDefinition(translation);
  ProblemList problems(file);
  for (const Problem& problem : translation.problems()) problems.Add(problem);
  ReportFindings(file, toml, translation, problems);
  Conversion conversion;
  conversion.problems = problems.Take();
  conversion.toml = WriteComments(translation, conversion.problems) + toml;
  return conversion;
}

}  // namespace khs::config
