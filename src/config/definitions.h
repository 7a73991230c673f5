#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace khs::config {

// Kafka Connect's ConfigDef.Type and Importance.
enum class KeyType { kString, kInt, kLong, kDouble, kBoolean, kList, kClass, kPassword };
enum class Importance { kHigh, kMedium, kLow };

// One row of the definition table: what parsing, validation, suggestions, the reference in
// etc/README.md and, in time, Connect's plugin endpoints are made of.
struct KeyDefinition {
  std::string_view key = {};  // ends in ".*" for a family of keys
  KeyType type = KeyType::kString;
  bool required = false;
  std::optional<std::string_view> default_value = {};  // none: required, or unset
  Importance importance = Importance::kMedium;
  std::string_view group = {};          // Connect's group, e.g. "Common"
  std::string_view documentation = {};  // one sentence or two, Markdown
  std::string_view alias = {};          // another spelling; may be empty
};

std::string_view TypeName(KeyType type);
std::string_view ImportanceName(Importance importance);

// The spellings of `connector.class`, of which the last is the Java class.
constexpr std::array<std::string_view, 3> kConnectorClasses = {
    "HttpSink", "HttpSinkConnector", "nz.ac.auckland.kafka.http.sink.HttpSinkConnector"};

// Every key of a connector / of sidecar.toml, in the order of the reference.
std::span<const KeyDefinition> ConnectorKeys();
std::span<const KeyDefinition> ProcessKeys();

// The definition of a key in any of its spellings, a family's for its members; null for an unknown
// key.
const KeyDefinition* FindKey(std::span<const KeyDefinition> keys, std::string_view key);

// The known key nearest to a misspelt one; nothing when none is near.
std::optional<std::string> NearestKey(std::span<const KeyDefinition> keys,
                                      std::string_view unknown);

}  // namespace khs::config
