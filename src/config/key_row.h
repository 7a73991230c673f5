#pragma once

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/definitions.h"
#include "config/problem_list.h"
#include "config/secrets.h"
#include "config/settings.h"
#include "config/text.h"
#include "config/value.h"

namespace khs::config {

// The result of applying a value.
struct Outcome {
  enum class Kind {
    kAccepted,
    kWarning,  // accepted, with a warning
    kInvalid,  // the text follows "Invalid value V for configuration K: "
    kMisused,  // the key must not be set here
  };
  Kind kind = Kind::kAccepted;
  std::string text = {};
};

inline Outcome Accepted() { return {}; }
inline Outcome AcceptedWithWarning(std::string text) {
  return {Outcome::Kind::kWarning, std::move(text)};
}
inline Outcome Invalid(std::string text) { return {Outcome::Kind::kInvalid, std::move(text)}; }
inline Outcome Misused(std::string text) { return {Outcome::Kind::kMisused, std::move(text)}; }

// How references to secrets in a row's values are resolved.
enum class References {
  kResolved,  // before the value is parsed
  kTemplate,  // the same, after the templates in the value were parsed
  kInside,    // by the row's function, after it split the value
  kKept,      // by the code that uses the value; the row stores the value as written
  kForbidden,
};

// A row of the definition table with the function that stores its value in a `Draft`.
template <class Draft>
struct Row {
  KeyDefinition key;
  Outcome (*apply)(const Value&, Draft&) = nullptr;  // null: only the type is validated
  Shape shape = Shape::kByType;
  bool secret = false;  // messages must not quote the value
  References references = Draft::kReferences;
};

// The definitions of the rows' keys.
template <class Draft>
std::vector<KeyDefinition> Definitions(std::span<const Row<Draft>> rows) {
  std::vector<KeyDefinition> definitions;
  for (const Row<Draft>& row : rows) definitions.push_back(row.key);
  return definitions;
}

// Whether settings are a whole definition or a part of one.
enum class Completeness {
  kWhole,    // applies defaults to keys that are not set, and reports missing required keys
  kPartial,  // applies only the keys that are set
};

// Parses and validates settings by their rows and stores them in a draft. A value whose secrets are
// not read counts as set, but is not validated.
template <class Draft>
class RowApplier {
 public:
  RowApplier(std::span<const Row<Draft>> rows, Draft& draft, ProblemList& problems)
      : rows_(rows), draft_(draft), problems_(problems) {}

  // Applies the rows in the order of the table, so that a row may depend on those above it.
  void Apply(const Settings& settings, Completeness completeness) {
    std::vector<std::vector<const Setting*>> by_row(rows_.size());
    for (const Setting& setting : settings) by_row[setting.row].push_back(&setting);
    for (size_t i = 0; i < rows_.size(); ++i) {
      for (const Setting* setting : by_row[i]) ApplyOne(rows_[i], *setting);
      if (by_row[i].empty() && completeness == Completeness::kWhole) ApplyDefault(i);
    }
  }

  // Sets the place of problems that have none in the file: a missing key or an invalid default.
  void SetPlace(std::string file, Position position) {
    file_ = std::move(file);
    position_ = position;
  }

  // Treats all values like secrets: no problem quotes them.
  void HideValues() { hides_values_ = true; }

  // Allows a required key to be missing.
  void MakeOptional(std::string_view key) { optional_ = key; }

  // Returns false for a key that the draft lacks because its secrets were not read.
  bool IsResolved(const std::string& key) const { return !unresolved_.contains(key); }

 private:
  void ApplyDefault(size_t index) {
    const KeyDefinition& key = rows_[index].key;
    if (key.default_value) {
      Setting setting{index, std::string(key.key), {}};
      setting.written = {
          {setting.key, std::string(*key.default_value), ValueKind::kString, position_},
          file_,
          setting.key};
      ApplyOne(rows_[index], setting);
    } else if (key.required && key.key != optional_) {
      problems_.Add({file_, position_, std::string(key.key), MissingRequired(key.key)});
    }
  }

  void ApplyOne(const Row<Draft>& row, const Setting& setting) {
    Entry entry = setting.written.entry;
    auto parsed = ResolveText(row, entry.text);
    if (!parsed) {
      Report(setting, parsed.error());
      return;
    }
    ResolvedText* const resolved = &parsed->whole;
    if (hides_values_) resolved->first_secret = 0;
    if (!resolved->is_complete) {
      unresolved_.insert(setting.key);
      return;
    }
    entry.text = resolved->text;
    const std::string& written = parsed->first_field ? setting.written.entry.text : entry.text;
    const std::string shown =
        resolved->first_secret ? std::string(kHiddenValue) : ShownValue(row, written);
    if (entry.text.find('\0') != std::string::npos) {
      Report(setting, InvalidValue(shown, setting.key, "a NUL character cannot be part of it"));
      return;
    }
    auto value = ParseValue(row.key.type, row.shape, entry);
    if (!value) {
      const bool complete = entry.kind == ValueKind::kNull;  // Kafka quotes no null
      Report(setting, complete ? value.error() : InvalidValue(shown, setting.key, value.error()));
      return;
    }
    if (row.key.type == KeyType::kPassword) draft_.secrets.AddValue(entry.text);
    value->first_secret = resolved->first_secret;
    value->with_fields = std::move(parsed->text);
    value->first_field = parsed->first_field;
    if (row.key.key.ends_with(".*")) {
      value->member = std::string_view(setting.key).substr(row.key.key.size() - 1);
    }
    const Outcome outcome = row.apply ? row.apply(*value, draft_) : Accepted();
    switch (outcome.kind) {
      case Outcome::Kind::kInvalid:
        Report(setting, InvalidValue(shown, setting.key, outcome.text));
        return;
      case Outcome::Kind::kMisused:
        Report(setting, outcome.text);
        return;
      case Outcome::Kind::kWarning:
        Report(setting, outcome.text, Severity::kWarning);
        break;
      case Outcome::Kind::kAccepted:
        break;
    }
  }

  base::Expected<ParsedTemplate, std::string> ResolveText(const Row<Draft>& row,
                                                          const std::string& text) {
    switch (row.references) {
      case References::kResolved:
        break;
      case References::kTemplate:
        return ParseTemplate(text, draft_.secrets);
      case References::kInside:
        return ParsedTemplate{{}, {text}};
      case References::kKept: {
        const auto parts = ParseReferences(text);
        if (!parts) return base::Unexpected<std::string>(parts.error());
        return ParsedTemplate{{}, {text}};
      }
      case References::kForbidden: {
        auto resolved = SecretResolver(nullptr).Resolve(text);
        if (resolved && resolved->is_complete) return ParsedTemplate{{}, std::move(*resolved)};
        return base::Unexpected<std::string>(
            "a reference to a secret is not possible here; $${ is a literal ${");
      }
    }
    auto resolved = draft_.secrets.Resolve(text);
    if (!resolved) return base::Unexpected<std::string>(std::move(resolved.error()));
    return ParsedTemplate{{}, std::move(*resolved)};
  }

  static std::string ShownValue(const Row<Draft>& row, const std::string& text) {
    const bool hidden = row.secret || row.key.type == KeyType::kPassword || MayHoldUser(text);
    return hidden ? std::string(kHiddenValue) : Abbreviate(text);
  }

  void Report(const Setting& setting, std::string message, Severity severity = Severity::kError) {
    problems_.Add(ProblemWith(setting, std::move(message), severity));
  }

  std::span<const Row<Draft>> rows_;
  Draft& draft_;
  ProblemList& problems_;
  std::string file_;
  Position position_;
  std::string_view optional_;
  bool hides_values_ = false;
  std::set<std::string> unresolved_;
};

}  // namespace khs::config
