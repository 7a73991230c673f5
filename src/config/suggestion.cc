#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
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

// Returns the unit that a key's last part names; empty if it names none.
std::string_view UnitOf(std::string_view key) {
  constexpr std::array<std::array<std::string_view, 5>, 9> kUnits{
      {{"ms", "millis", "millisec", "milliseconds", "msec"},
       {"sec", "s", "secs", "second", "seconds"},
       {"min", "mins", "minute", "minutes"},
       {"hour", "hours", "hrs"},
       {"us", "micros"},
       {"ns", "nanos"},
       {"bytes", "byte"},
       {"kb", "kib"},
       {"mb", "mib"}}};
  const std::string_view last = key.substr(key.rfind('.') + 1);
  for (const auto& names : kUnits) {
    if (!last.empty() && std::find(names.begin(), names.end(), last) != names.end()) {
      return names.front();
    }
  }
  return {};
}

// Returns whether both keys name a unit, but not the same one.
bool DifferInUnit(std::string_view unknown, std::string_view known) {
  const std::string_view unit = UnitOf(unknown);
  const std::string_view known_unit = UnitOf(known);
  return !unit.empty() && !known_unit.empty() && unit != known_unit;
}

struct Candidate {
  std::string key;
  size_t distance = 0;
};

// Compares `unknown` to one key. For a family it compares as many parts as the family's prefix has.
Candidate Compare(std::string_view unknown, std::string_view known) {
  if (!known.ends_with(".*")) return {std::string(known), EditDistance(unknown, known)};
  const std::string_view prefix = known.substr(0, known.size() - 2);
  size_t end = 0;
  for (size_t parts = Parts(prefix).size(); parts > 0; --parts) {
    end = unknown.find('.', end == 0 ? 0 : end + 1);
    if (end == std::string_view::npos) return {std::string(known), EditDistance(unknown, prefix)};
  }
  return {std::string(prefix) + std::string(unknown.substr(end)),
          EditDistance(unknown.substr(0, end), prefix)};
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
  std::string spelt = Lower(unknown);
  std::replace(spelt.begin(), spelt.end(), '_', '.');
  std::replace(spelt.begin(), spelt.end(), '-', '.');
  std::optional<Candidate> nearest;
  std::optional<std::string> fuller;
  bool ambiguous = false;
  for (const KeyDefinition& definition : keys) {
    for (const std::string_view known : {definition.key, definition.alias}) {
      if (known.empty() || DifferInUnit(spelt, known)) continue;
      Candidate candidate = Compare(spelt, known);
      if (!nearest || candidate.distance < nearest->distance) nearest = std::move(candidate);
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
