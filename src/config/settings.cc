#include "config/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "config/client_properties.h"
#include "config/foreign_connector.h"
#include "config/text.h"

namespace khs::config {
namespace {

bool IsEmptyTable(const Entry& entry) {
  return entry.kind == ValueKind::kTable && entry.text == "{}";
}

bool IsPrefixOfKnownKey(std::span<const KeyDefinition> keys, std::string_view key) {
  const std::string prefix = std::string(key) + '.';
  return std::any_of(keys.begin(), keys.end(), [&](const KeyDefinition& definition) {
    return definition.key.starts_with(prefix);
  });
}

// Replaces the name of a client property by librdkafka's, so that two names of one property are
// recognized.
std::string WithLibrdkafkaName(KeyTable table, const std::string& key) {
  const auto renamed = [&key](std::string_view prefix) {
    return std::string(prefix) +
           std::string(LibrdkafkaName(std::string_view(key).substr(prefix.size())));
  };
  if (table == KeyTable::kConnector) {
    return key.starts_with(kConsumerOverride) ? renamed(kConsumerOverride) : key;
  }
  constexpr std::string_view kDefault = "defaults.consumer.override.";
  if (key.starts_with(kKafka)) return renamed(kKafka);
  return key.starts_with(kDefault) ? renamed(kDefault) : key;
}

// Returns whether an entry is a table without entries, such as one with only comments. It is
// ignored.
bool IsEmptySection(std::span<const KeyDefinition> keys, const Entry& entry) {
  if (!IsEmptyTable(entry)) return false;
  const KeyDefinition* known = FindKey(keys, entry.key);
  return known ? known->key.ends_with(".*") : IsPrefixOfKnownKey(keys, entry.key);
}

bool IsTransformOrPredicate(std::string_view key) {
  const std::string_view first = key.substr(0, key.find('.'));
  return first == "transforms" || first == "predicates";
}

// Returns the sink of others that a definition was written for.
std::optional<ForeignKind> KindOf(const std::vector<WrittenEntry>& written) {
  return RecognizeKind([&written](std::string_view key) {
    const auto found = std::find_if(written.begin(), written.end(), [key](const WrittenEntry& one) {
      return one.entry.key == key;
    });
    return found == written.end() ? nullptr : &found->entry.text;
  });
}

std::string UnknownKey(KeyTable table, const WrittenEntry& written, std::optional<ForeignKind> kind,
                       bool suggests) {
  const std::string& key = written.entry.key;
  const std::string prefix = written.shown_key.substr(
      0, written.shown_key.size() - std::min(written.shown_key.size(), key.size()));
  if (table == KeyTable::kConnector && IsTransformOrPredicate(key)) {
    return "Unknown key: transforms and predicates are not supported";
  }
  if (table == KeyTable::kConnector) {
    if (auto advice = DescribeForeignKey(kind, key, prefix)) return std::move(*advice);
  }
  if (table == KeyTable::kConnector && FindKey(ProcessKeys(), key)) {
    return prefix.empty() ? "Unknown key of a connector: it belongs to sidecar.toml"
                          : "Unknown key of a connector: write it without " + prefix;
  }
  if (table == KeyTable::kProcess && FindKey(ConnectorKeys(), key)) {
    return "Unknown key of sidecar.toml: it belongs to a connector, or for every connector as "
           "defaults." +
           key;
  }
  const auto nearest = suggests ? NearestKey(KeysOf(table), key) : std::nullopt;
  return nearest ? "Unknown key: did you mean " + prefix + *nearest + "?" : "Unknown key";
}

std::string AlreadyGiven(const WrittenEntry& first) {
  const Position place = first.entry.position;
  std::string text = "Is already given as " + first.shown_key;
  if (place.line > 0) text += fmt::format(" at line {}, column {}", place.line, place.column);
  return text + ": keep one of them";
}

}  // namespace

std::span<const KeyDefinition> KeysOf(KeyTable table) {
  return table == KeyTable::kConnector ? ConnectorKeys() : ProcessKeys();
}

std::vector<WrittenEntry> ToWrittenEntries(const std::string& file, const FlatConfig& entries,
                                           const std::string& prefix) {
  std::vector<WrittenEntry> written;
  for (const Entry& entry : entries) written.push_back({entry, file, prefix + entry.key});
  return written;
}

Settings Resolve(KeyTable table, const std::vector<WrittenEntry>& written, ProblemList& problems) {
  const auto keys = KeysOf(table);
  Settings settings;
  std::map<std::string, const WrittenEntry*> seen;
  const auto kind = table == KeyTable::kConnector ? KindOf(written) : std::nullopt;
  size_t unknown = 0;
  for (const WrittenEntry& one : written) {
    const Entry& entry = one.entry;
    if (IsEmptySection(keys, entry)) continue;
    const std::string spelled = WithLibrdkafkaName(table, entry.key);
    const KeyDefinition* known = FindKey(keys, spelled);
    if (!known) {
      problems.Add({one.file, entry.position, one.shown_key,
                    // The search for the nearest key is slow, and further problems are not shown.
                    UnknownKey(table, one, kind, ++unknown <= kMaxProblems)});
      continue;
    }
    const bool is_member = known->key.ends_with(".*");
    std::string key = is_member ? spelled : std::string(known->key);
    const auto [first, is_new] = seen.try_emplace(key, &one);
    if (!is_new) {
      problems.Add({one.file, entry.position, one.shown_key, AlreadyGiven(*first->second)});
      continue;
    }
    settings.push_back({static_cast<size_t>(known - keys.data()), std::move(key), one});
  }
  return settings;
}

Settings Overlay(Settings stronger, const Settings& weaker) {
  std::set<std::string> set;
  for (const Setting& setting : stronger) set.insert(setting.key);
  for (const Setting& setting : weaker) {
    if (!set.contains(setting.key)) stronger.push_back(setting);
  }
  return stronger;
}

const Setting* FindSetting(const Settings& settings, std::string_view key) {
  const auto found = std::find_if(settings.begin(), settings.end(),
                                  [&](const Setting& setting) { return setting.key == key; });
  return found == settings.end() ? nullptr : &*found;
}

const Setting* FindSet(const Settings& settings, std::string_view key) {
  const Setting* setting = FindSetting(settings, key);
  return setting && !Trim(setting->written.entry.text).empty() ? setting : nullptr;
}

Problem ProblemWith(const Setting& setting, std::string message, Severity severity) {
  const WrittenEntry& written = setting.written;
  return {written.file, written.entry.position, written.shown_key, std::move(message), severity};
}

void ReportProperties(const ClientProperties& translated, std::string_view prefix,
                      const Settings& settings, ProblemList& problems) {
  const auto report = [&](const PropertyProblem& problem, Severity severity) {
    const Setting* setting = FindSetting(settings, std::string(prefix) + problem.property);
    if (setting != nullptr) problems.Add(ProblemWith(*setting, problem.message, severity));
  };
  for (const PropertyProblem& error : translated.errors) report(error, Severity::kError);
  for (const PropertyProblem& warning : translated.warnings) report(warning, Severity::kWarning);
}

std::string InvalidValue(std::string_view shown, std::string_view key, std::string_view reason) {
  return fmt::format("Invalid value {} for configuration {}: {}", shown, key, reason);
}

std::string MissingRequired(std::string_view key) {
  return fmt::format("Missing required configuration \"{}\" which has no default value.", key);
}

Position WholeFile(const FlatConfig& definition) {
  const bool has_lines =
      definition.empty() || std::any_of(definition.begin(), definition.end(),
                                        [](const Entry& entry) { return entry.position.line > 0; });
  return has_lines ? Position{1, 1} : Position{};
}

}  // namespace khs::config
