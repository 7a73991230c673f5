#include "config/environment.h"

#include <algorithm>
#include <array>
#include <optional>

#include "config/definitions.h"
#include "config/text.h"

namespace khs::config {
namespace {

constexpr std::string_view kPrefix = "KAFKA_HTTP_SINK_";

std::string Upcase(std::string_view key) {
  std::string name = Upper(key);
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

std::string Downcase(std::string_view name) {
  std::string key = Lower(name);
  std::replace(key.begin(), key.end(), '_', '.');
  return key;
}

bool IsNumber(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Returns whether `name` is `rest` or ends in `_` + `rest`.
bool EndsInWord(std::string_view name, std::string_view rest) {
  return name == rest || (name.ends_with(rest) && name[name.size() - rest.size() - 1] == '_');
}

// Returns whether kubelet defined the variable for a Service called kafka-http-sink or
// kafka-http-sink-metrics, for example. `name` is without the prefix.
bool IsServiceVariable(std::string_view name) {
  for (const std::string_view end : {"SERVICE_HOST", "SERVICE_PORT", "PORT"}) {
    if (EndsInWord(name, end)) return true;
  }
  if (name.starts_with("SERVICE_PORT_") || name.find("_SERVICE_PORT_") != std::string_view::npos) {
    return true;
  }
  for (const std::string_view part : {"_PROTO", "_PORT", "_ADDR"}) {
    if (name.ends_with(part)) {
      name.remove_suffix(part.size());
      break;
    }
  }
  for (const std::string_view protocol : {"_TCP", "_UDP", "_SCTP"}) {
    if (!name.ends_with(protocol)) continue;
    name.remove_suffix(protocol.size());
    const size_t number = name.rfind('_');
    return number != std::string_view::npos && IsNumber(name.substr(number + 1)) &&
           EndsInWord(name.substr(0, number), "PORT");
  }
  return false;
}

// Finds the key of a variable in one table. Exact keys take precedence over families.
std::optional<std::string> KeyOf(std::span<const KeyDefinition> keys, std::string_view name,
                                 bool with_families) {
  for (const KeyDefinition& definition : keys) {
    for (const std::string_view key : {definition.key, definition.alias}) {
      if (!key.empty() && Upcase(key) == name) return std::string(key);
    }
  }
  if (!with_families) return std::nullopt;
  std::string key = Downcase(name);
  const KeyDefinition* family = FindKey(keys, key);
  if (!family || !family->key.ends_with(".*")) return std::nullopt;
  return key;
}

std::optional<std::string> ProcessKeyOf(std::string_view name, bool with_families) {
  constexpr std::string_view kDefaultsPrefix = "DEFAULTS_";
  if (name.starts_with(kDefaultsPrefix)) {
    const auto key = KeyOf(ConnectorKeys(), name.substr(kDefaultsPrefix.size()), with_families);
    if (!key) return std::nullopt;
    return std::string(kDefaults) + *key;
  }
  return KeyOf(ProcessKeys(), name, with_families);
}

std::string UnknownVariable(std::string_view name) {
  const std::string key = Downcase(name);
  std::optional<std::string> nearest;
  if (FindKey(ConnectorKeys(), key)) {
    nearest = std::string(kDefaults) + key;
  } else if (key.starts_with(kDefaults)) {
    nearest = NearestKey(ConnectorKeys(), std::string_view(key).substr(kDefaults.size()));
    if (nearest) nearest = std::string(kDefaults) + *nearest;
  } else {
    nearest = NearestKey(ProcessKeys(), key);
  }
  return nearest ? "Unknown variable: did you mean " + VariableName(*nearest) + "?"
                 : "Unknown variable: sidecar.toml has no such key";
}

}  // namespace

std::string VariableName(std::string_view key) { return std::string(kPrefix) + Upcase(key); }

std::vector<WrittenEntry> ReadEnvironment(const Environment& environment, ProblemList& problems) {
  const std::string file(kEnvironmentFile);
  std::vector<WrittenEntry> written;
  for (const auto& [variable, value] : environment) {
    if (!variable.starts_with(kPrefix)) continue;
    const std::string_view name = std::string_view(variable).substr(kPrefix.size());
    std::optional<std::string> key = ProcessKeyOf(name, false);
    if (!key && IsServiceVariable(name)) continue;
    if (!key) key = ProcessKeyOf(name, true);
    if (!key) {
      problems.Add({file, {}, variable, UnknownVariable(name)});
    } else if (!IsUtf8(value)) {
      problems.Add({file, {}, variable, "The value is not valid UTF-8"});
    } else {
      written.push_back({{*key, value, ValueKind::kString, {}}, file, variable});
    }
  }
  return written;
}

}  // namespace khs::config
