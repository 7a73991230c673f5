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

// What a reference to a secret means in a row's values.
enum class References {
  kResolved,  // it is replaced before the value is judged
  kInside,    // the row replaces it itself, after it took the value apart
  kKept,      // it is replaced by who uses the value; the row takes the value as it was written
  kRefused,
};

// A row of the definition table with what happens to its value. `Draft` is what the values are put
// into.
template <class Draft>
struct Row {
  KeyDefinition key;
  Verdict (*apply)(const Value&, Draft&) = nullptr;  // null: judged by its type and kept
  Shape shape = Shape::kByType;
  bool secret = false;  // no message quotes the value
  References references = Draft::kReferences;
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

// Judges settings against their rows and puts the good ones into a draft. A value that refers to
// secrets which cannot be read now counts as set, and is judged no further.
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
      for (const Setting* setting : by_row[i]) ApplyOne(rows_[i], *setting);
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

  // False for a key whose value could not be judged, so that the draft lacks it.
  bool HasJudged(const std::string& key) const { return !unjudged_.contains(key); }

 private:
  void FillIn(size_t index) {
    const KeyDefinition& key = rows_[index].key;
    if (key.default_value) {
      Setting setting{index, std::string(key.key), {}};
      setting.written = {
          {setting.key, std::string(*key.default_value), ValueKind::kString, position_},
          file_,
          setting.key};
      ApplyOne(rows_[index], setting);
    } else if (key.required && key.key != waived_) {
      problems_.Add({file_, position_, std::string(key.key), MissingRequired(key.key)});
    }
  }

  void ApplyOne(const Row<Draft>& row, const Setting& setting) {
    Entry entry = setting.written.entry;
    const auto resolved = ResolveText(row, entry.text);
    if (!resolved) {
      Report(setting, resolved.error());
      return;
    }
    if (!resolved->is_complete) {
      unjudged_.insert(setting.key);
      return;
    }
    entry.text = resolved->text;
    const std::string shown = resolved->first_secret ? "[hidden]" : ShownValue(row, entry.text);
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
    value->first_secret = resolved->first_secret;
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
  }

  base::Expected<ResolvedText, std::string> ResolveText(const Row<Draft>& row,
                                                        const std::string& text) {
    switch (row.references) {
      case References::kResolved:
        break;
      case References::kInside:
        return ResolvedText{text};
      case References::kKept: {
        const auto parts = ParseReferences(text);
        if (!parts) return base::Unexpected<std::string>(parts.error());
        return ResolvedText{text};
      }
      case References::kRefused: {
        auto resolved = SecretResolver(nullptr).Resolve(text);
        if (resolved && resolved->is_complete) return resolved;
        return base::Unexpected<std::string>(
            "a reference to a secret is not possible here; $${ is a literal ${");
      }
    }
    return draft_.secrets.Resolve(text);
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
  std::set<std::string> unjudged_;
};

}  // namespace khs::config
