#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/definitions.h"
#include "config/text.h"

namespace khs::config {
namespace {

// The optimal string alignment distance: swapping two adjacent characters is one edit.
size_t EditDistance(std::string_view left, std::string_view right) {
  std::vector<std::vector<size_t>> rows(3, std::vector<size_t>(right.size() + 1));
  for (size_t j = 0; j <= right.size(); ++j) rows[1][j] = j;
  for (size_t i = 1; i <= left.size(); ++i) {
    auto& row = rows[(i + 1) % 3];
    const auto& above = rows[i % 3];
    const auto& twice_above = rows[(i + 2) % 3];
    row[0] = i;
    for (size_t j = 1; j <= right.size(); ++j) {
      const bool same = left[i - 1] == right[j - 1];
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (same ? 0u : 1u)});
      if (i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1]) {
        row[j] = std::min(row[j], twice_above[j - 2] + 1);
      }
    }
  }
  return rows[(left.size() + 1) % 3][right.size()];
}

size_t MostEdits(std::string_view key) { return std::clamp<size_t>(key.size() / 3, 1, 4); }

std::vector<std::string_view> Parts(std::string_view key) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t dot = key.find('.');
    parts.push_back(key.substr(0, dot));
    if (dot == std::string_view::npos) return parts;
    key.remove_prefix(dot + 1);
  }
}

// Returns whether `unknown` is `known` without some parts: callback.url for callback.request.url.
bool LeavesOutParts(std::string_view unknown, std::string_view known) {
  const auto wanted = Parts(unknown);
  const auto all = Parts(known);
  auto next = wanted.begin();
  for (const auto& part : all) {
    if (next != wanted.end() && *next == part) ++next;
  }
  return next == wanted.end() && wanted.back() == all.back();
}

// A unit's names; the first one is that of the table's keys, if they have the unit.
using UnitNames = std::array<std::string_view, 12>;

constexpr std::array<UnitNames, 14> kUnits{
    {{"ms", "milli", "millis", "millisec", "millisecs", "millisecond", "milliseconds", "msec",
      "msecs"},
     {"sec", "s", "secs", "second", "seconds"},
     {"min", "m", "mins", "minute", "minutes"},
     {"hour", "h", "hr", "hrs", "hours"},
     {"day", "d", "days"},
     {"week", "w", "weeks"},
     {"us", "usec", "usecs", "micro", "micros", "microsec", "microsecs", "microsecond",
      "microseconds"},
     {"ns", "nsec", "nsecs", "nano", "nanos", "nanosec", "nanosecs", "nanosecond", "nanoseconds"},
     {"bytes", "b", "byte"},
     {"bits", "bit"},
     {"kb", "k", "kib", "kbyte", "kbytes", "kilobyte", "kilobytes", "kibibyte", "kibibytes"},
     {"mb", "mib", "mbyte", "mbytes", "megabyte", "megabytes", "mebibyte", "mebibytes"},
     {"gb", "g", "gib", "gbyte", "gbytes", "gigabyte", "gigabytes", "gibibyte", "gibibytes"},
     {"tb", "tib", "tbyte", "tbytes", "terabyte", "terabytes", "tebibyte", "tebibytes"}}};

// Returns the first name of the unit with this name; empty if there is none.
std::string_view UnitNamed(std::string_view name) {
  for (const UnitNames& names : kUnits) {
    if (!name.empty() && std::find(names.begin(), names.end(), name) != names.end()) {
      return names.front();
    }
  }
  return {};
}

// A key without the unit at its end.
struct Stem {
  std::string_view text;
  std::string_view unit = {};  // empty: the key names none
};

// Splits a key whose last part is a unit, or whose last two parts are, as in `milli.seconds`.
Stem SplitUnit(std::string_view key) {
  const size_t dot = key.rfind('.');
  if (dot == std::string_view::npos) return {key};
  const std::string_view last = key.substr(dot + 1);
  const size_t before = key.substr(0, dot).rfind('.');
  if (before != std::string_view::npos) {
    const std::string joined = std::string(key.substr(before + 1, dot - before - 1)).append(last);
    if (const auto unit = UnitNamed(joined); !unit.empty()) return {key.substr(0, before), unit};
  }
  if (const auto unit = UnitNamed(last); !unit.empty()) return {key.substr(0, dot), unit};
  return {key};
}

// Splits a key that ends in a unit of two letters at least, which needs no dot before it. `items`
// does, too, so this is a guess.
Stem SplitGluedUnit(std::string_view key) {
  const std::string_view last = key.substr(key.rfind('.') + 1);
  for (size_t length = last.size(); length > 2; --length) {
    const std::string_view name = last.substr(last.size() - length + 1);
    if (const auto unit = UnitNamed(name); !unit.empty()) {
      return {key.substr(0, key.size() - name.size()), unit};
    }
  }
  return {key};
}

// Writes an unknown key like those of the table: in small letters, with dots between its words.
std::string Spell(std::string_view unknown) {
  std::string spelt;
  char previous = '.';
  for (const char c : unknown) {
    const bool is_upper = c >= 'A' && c <= 'Z';
    if (is_upper && previous >= 'a' && previous <= 'z') spelt += '.';
    spelt += c == '_' || c == '-' ? '.' : c;
    previous = c;
  }
  return Lower(spelt);
}

struct Candidate {
  std::string key;
  size_t distance = 0;
};

// Compares `unknown` to one member of a family: as many parts as the family's prefix has.
Candidate CompareFamily(std::string_view unknown, std::string_view known) {
  const std::string_view prefix = known.substr(0, known.size() - 2);
  size_t end = 0;
  for (size_t parts = Parts(prefix).size(); parts > 0; --parts) {
    end = unknown.find('.', end == 0 ? 0 : end + 1);
    if (end == std::string_view::npos) return {std::string(known), EditDistance(unknown, prefix)};
  }
  return {std::string(prefix) + std::string(unknown.substr(end)),
          EditDistance(unknown.substr(0, end), prefix)};
}

// Compares `unknown` to one key. Returns nothing if they have different units.
std::optional<Candidate> Compare(std::string_view unknown, std::string_view known) {
  if (known.ends_with(".*")) return CompareFamily(unknown, known);
  const Stem wanted = SplitUnit(known);
  Stem stem = SplitUnit(unknown);
  if (wanted.unit.empty()) {
    if (!stem.unit.empty()) return std::nullopt;
    return Candidate{std::string(known), EditDistance(unknown, known)};
  }
  if (stem.unit.empty()) stem = SplitGluedUnit(unknown);
  if (!stem.unit.empty()) {
    if (stem.unit != wanted.unit) return std::nullopt;
    return Candidate{std::string(known), EditDistance(stem.text, wanted.text)};
  }
  const size_t without_unit = EditDistance(unknown, wanted.text) + 1;
  return Candidate{std::string(known), std::min(EditDistance(unknown, known), without_unit)};
}

}  // namespace

const KeyDefinition* FindKey(std::span<const KeyDefinition> keys, std::string_view key) {
  const KeyDefinition* family = nullptr;
  for (const KeyDefinition& definition : keys) {
    if (definition.key == key || (!definition.alias.empty() && definition.alias == key)) {
      return &definition;
    }
    if (!definition.key.ends_with(".*")) continue;
    const std::string_view prefix = definition.key.substr(0, definition.key.size() - 1);
    if (key.starts_with(prefix) && key.size() > prefix.size()) family = &definition;
  }
  return family;
}

std::optional<std::string> NearestKey(std::span<const KeyDefinition> keys,
                                      std::string_view unknown) {
  constexpr size_t kMaxKeyBytes = 256;
  if (unknown.empty() || unknown.size() > kMaxKeyBytes) return std::nullopt;
  const std::string spelt = Spell(unknown);
  std::optional<Candidate> nearest;
  std::optional<std::string> fuller;
  bool ambiguous = false;
  for (const KeyDefinition& definition : keys) {
    for (const std::string_view known : {definition.key, definition.alias}) {
      if (known.empty()) continue;
      auto candidate = Compare(spelt, known);
      if (!candidate) continue;
      if (!nearest || candidate->distance < nearest->distance) nearest = std::move(candidate);
    }
    if (LeavesOutParts(spelt, definition.key)) {
      ambiguous = fuller.has_value();
      fuller = std::string(definition.key);
    }
  }
  if (nearest && nearest->distance <= MostEdits(spelt)) return nearest->key;
  return ambiguous ? std::nullopt : fuller;
}

}  // namespace khs::config
