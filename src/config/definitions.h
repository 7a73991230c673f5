// The tables of configuration keys. Elsewhere, a definition is the definition of a connector.
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

// One row of the definition table, which drives parsing, validation, suggestions, the reference in
// etc/README.md and Kafka Connect's plugin endpoints.
struct KeyDefinition {
  std::string_view key = {};  // ends in ".*" for a family of keys
  KeyType type = KeyType::kString;
  bool required = false;
  std::optional<std::string_view> default_value = {};  // none: required, or unset by default
  Importance importance = Importance::kMedium;
  std::string_view group = {};          // Connect's group, e.g. "Common"
  std::string_view documentation = {};  // one sentence or two, Markdown
  std::string_view alias = {};          // another spelling; may be empty
};

std::string_view TypeName(KeyType type);
std::string_view ImportanceName(Importance importance);

// The accepted values of `connector.class`; the last is the Java class.
constexpr std::array<std::string_view, 3> kConnectorClasses = {
    "HttpSink", "HttpSinkConnector", "nz.ac.auckland.kafka.http.sink.HttpSinkConnector"};

// All keys of a connector, and of sidecar.toml, in the order of the reference.
std::span<const KeyDefinition> ConnectorKeys();
std::span<const KeyDefinition> ProcessKeys();

// Finds a key by its name or alias; a member of a family by the family. Null if it is unknown.
const KeyDefinition* FindKey(std::span<const KeyDefinition> keys, std::string_view key);

// Returns the known key that is most similar to a misspelt one; nullopt if none is similar.
std::optional<std::string> NearestKey(std::span<const KeyDefinition> keys,
                                      std::string_view unknown);

}  // namespace khs::config
