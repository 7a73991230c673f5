#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/definitions.h"
#include "config/problem_list.h"
#include "config/settings.h"
#include "config/text.h"
#include "config/value.h"

namespace khs::config {

// What became of a value.
struct Verdict {
  enum class Kind {
    kTaken,
    kOdd,       // taken, with a warning
    kBadValue,  // the text follows "Invalid value V for configuration K: "
    kMisused,   // the key itself is wrong here
  };
  Kind kind = Kind::kTaken;
  std::string text = {};
};

inline Verdict Taken() { return {}; }
inline Verdict Odd(std::string text) { return {Verdict::Kind::kOdd, std::move(text)}; }
inline Verdict BadValue(std::string text) { return {Verdict::Kind::kBadValue, std::move(text)}; }
inline Verdict Misused(std::string text) { return {Verdict::Kind::kMisused, std::move(text)}; }

// A row of the definition table with what happens to its value. `Draft` is what the values are put
// into.
template <class Draft>
struct Row {
  KeyDefinition key;
  Verdict (*apply)(const Value&, Draft&) = nullptr;  // null: judged by its type and kept
  Shape shape = Shape::kByType;
  bool secret = false;  // no message quotes the value
  // Of a key with `not_yet`: how using it is reported; the empty value may be.
  Severity not_yet_severity = Severity::kError;
};

template <class Draft>
std::vector<KeyDefinition> Definitions(std::span<const Row<Draft>> rows) {
  std::vector<KeyDefinition> definitions;
  for (const Row<Draft>& row : rows) definitions.push_back(row.key);
  return definitions;
}

enum class Completeness {
  kWhole,    // keys that are not set take the table's default; required ones are missed
  kPartial,  // only what is set is judged
};

// Judges settings against their rows and puts the good ones into a draft.
template <class Draft>
class Judge {
 public:
  Judge(std::span<const Row<Draft>> rows, Draft& draft, ProblemList& problems)
      : rows_(rows), draft_(draft), problems_(problems) {}

  // In the order of the table, so that a row may rely on those above it.
  void Apply(const Settings& settings, Completeness completeness) {
    std::vector<std::vector<const Setting*>> by_row(rows_.size());
    for (const Setting& setting : settings) by_row[setting.row].push_back(&setting);
    for (size_t i = 0; i < rows_.size(); ++i) {
      for (const Setting* setting : by_row[i]) ApplyOne(rows_[i], *setting, true);
      if (by_row[i].empty() && completeness == Completeness::kWhole) FillIn(i);
    }
  }

  // Problems of the whole: a missing key, or a default of the table that is wrong.
  void SetPlace(std::string file, Position position) {
    file_ = std::move(file);
    position_ = position;
  }

  // A required key that may be missing this time.
  void Waive(std::string_view key) { waived_ = key; }

 private:
  void FillIn(size_t index) {
    const KeyDefinition& key = rows_[index].key;
    if (key.default_value) {
      Setting setting{index, std::string(key.key), {}};
      setting.written = {
          {setting.key, std::string(*key.default_value), ValueKind::kString, position_},
          file_,
          setting.key};
      ApplyOne(rows_[index], setting, false);
    } else if (key.required && key.key != waived_) {
      problems_.Add({file_, position_, std::string(key.key), MissingRequired(key.key)});
    }
  }

  void ApplyOne(const Row<Draft>& row, const Setting& setting, bool is_written) {
    Entry entry = setting.written.entry;
    const std::string shown = ShownValue(row, entry.text);
    if (entry.text.find('\0') != std::string::npos) {
      Report(setting, InvalidValue(shown, setting.key, "a NUL character cannot be part of it"));
      return;
    }
    if (Draft::kMayReferToSecrets && !UnescapeReferences(entry.text)) {
      Report(setting, "not available yet: secret references, ${...}; write $${ for a literal ${");
      return;
    }
    auto value = ParseValue(row.key.type, row.shape, entry);
    if (!value) {
      const bool complete = entry.kind == ValueKind::kNull;  // Kafka quotes no null
      Report(setting, complete ? value.error() : InvalidValue(shown, setting.key, value.error()));
      return;
    }
    if (row.key.key.ends_with(".*")) {
      value->member = std::string_view(setting.key).substr(row.key.key.size() - 1);
    }
    const Verdict verdict = row.apply ? row.apply(*value, draft_) : Taken();
    switch (verdict.kind) {
      case Verdict::Kind::kBadValue:
        Report(setting, InvalidValue(shown, setting.key, verdict.text));
        return;
      case Verdict::Kind::kMisused:
        Report(setting, verdict.text);
        return;
      case Verdict::Kind::kOdd:
        Report(setting, verdict.text, Severity::kWarning);
        break;
      case Verdict::Kind::kTaken:
        break;
    }
    if (is_written && UsesWhatIsNotAvailable(row, entry)) {
      Report(setting, "not available yet: " + std::string(row.key.not_yet), row.not_yet_severity);
    }
  }

  static bool UsesWhatIsNotAvailable(const Row<Draft>& row, const Entry& entry) {
    const std::string_view text = Trim(entry.text);
    return !row.key.not_yet.empty() && !text.empty();
  }

  static std::string ShownValue(const Row<Draft>& row, const std::string& text) {
    const bool credentials =
        text.find("://") != std::string::npos && text.find('@') != std::string::npos;
    const bool hidden = row.secret || row.key.type == KeyType::kPassword || credentials;
    return hidden ? "[hidden]" : Shown(text);
  }

  void Report(const Setting& setting, std::string message, Severity severity = Severity::kError) {
    problems_.Add(ProblemWith(setting, std::move(message), severity));
  }

  std::span<const Row<Draft>> rows_;
  Draft& draft_;
  ProblemList& problems_;
  std::string file_;
  Position position_;
  std::string_view waived_;
};

}  // namespace khs::config
