#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "config/definitions.h"
#include "config/flat.h"
#include "config/problem_list.h"

namespace khs::config {

// One key as it was written somewhere.
struct Written {
  Entry entry;       // its key as the table spells it: without `defaults.`, not a variable's name
  std::string file;  // for problems
  std::string shown_key;  // for problems: the key as its author spelt it
};

// A written key that the table knows.
struct Setting {
  size_t row = 0;   // of the table
  std::string key;  // the table's spelling, not the alias; a client's property as in librdkafka
  Written written;
};

using Settings = std::vector<Setting>;

enum class KeyTable { kConnector, kProcess };

// Families of properties that are handed to librdkafka.
constexpr std::string_view kConsumerOverride = "consumer.override.";
constexpr std::string_view kKafka = "kafka.";

std::span<const KeyDefinition> KeysOf(KeyTable table);

// The entries of a file or of a prefix's family; problems name the key with the prefix.
std::vector<Written> WrittenIn(const std::string& file, const FlatConfig& entries,
                               const std::string& prefix = {});

// Finds the row of every key. Keys that are unknown, or given twice by an alias, become problems.
Settings Resolve(KeyTable table, const std::vector<Written>& written, ProblemList& problems);

// What `stronger` does not set comes from `weaker`.
Settings Overlay(Settings stronger, const Settings& weaker);

// Null when the key is not set.
const Setting* FindSetting(const Settings& settings, std::string_view key);

Problem ProblemWith(const Setting& setting, std::string message,
                    Severity severity = Severity::kError);

// Kafka's words. `shown` is empty for a value that no message may quote.
std::string InvalidValue(std::string_view shown, std::string_view key, std::string_view reason);
std::string MissingRequired(std::string_view key);

// Where problems of the file as a whole are reported: a definition from REST has no lines at all.
Position WholeFile(const FlatConfig& definition);

}  // namespace khs::config
