#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "config/client_properties.h"
#include "config/definitions.h"
#include "config/flat.h"
#include "config/problem_list.h"

namespace khs::config {

// A key as written in a file or the environment.
struct WrittenEntry {
  Entry entry;            // its key is without `defaults.`, and not a variable's name
  std::string file;       // for problems
  std::string shown_key;  // for problems: the key as written
};

// A known key with its written entry.
struct Setting {
  size_t row = 0;   // index in the table
  std::string key;  // not an alias; properties of clients have librdkafka's name
  WrittenEntry written;
};

using Settings = std::vector<Setting>;

enum class KeyTable { kConnector, kProcess };

// The prefixes of librdkafka's properties.
constexpr std::string_view kConsumerOverride = "consumer.override.";
constexpr std::string_view kKafka = "kafka.";
// The prefix of the defaults of connector keys in sidecar.toml.
constexpr std::string_view kDefaults = "defaults.";

// Returns the keys of a table.
std::span<const KeyDefinition> KeysOf(KeyTable table);

// Adds the file, and for problems the prefix, to entries.
std::vector<WrittenEntry> ToWrittenEntries(const std::string& file, const FlatConfig& entries,
                                           const std::string& prefix = {});

// Finds the row of every key. Reports unknown keys, and keys that are repeated by an alias.
Settings Resolve(KeyTable table, const std::vector<WrittenEntry>& written, ProblemList& problems);

// Returns `stronger` with those settings of `weaker` that it does not set.
Settings Overlay(Settings stronger, const Settings& weaker);

// Returns null if the key is not set.
const Setting* FindSetting(const Settings& settings, std::string_view key);

// Returns a setting with a value; like Kafka Connect, a blank value counts as not set.
const Setting* FindSet(const Settings& settings, std::string_view key);

// Returns a problem at the position of a setting.
Problem ProblemWith(const Setting& setting, std::string message,
                    Severity severity = Severity::kError);

// Reports the problems of translated properties, which were written with the prefix `prefix`.
void ReportProperties(const ClientProperties& translated, std::string_view prefix,
                      const Settings& settings, ProblemList& problems);

// Messages of Kafka Connect. `shown` is the value, or a placeholder if it must not be quoted.
std::string InvalidValue(std::string_view shown, std::string_view key, std::string_view reason);
std::string MissingRequired(std::string_view key);

// Returns the position of problems with the whole file: {} for REST, whose entries have no lines.
Position WholeFile(const FlatConfig& definition);

}  // namespace khs::config
