#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "config/flat.h"
#include "config/problem.h"

namespace khs::config {

// `{"name":…,"config":{…},"initial_state":…}`, the body that creates a connector through REST.
struct JsonDefinition {
  std::optional<std::string> name;
  std::optional<std::string> initial_state;
  FlatConfig config;  // as sent, without `name`
};

// Parses the body that creates a connector. Numbers and booleans become strings as written, like in
// Kafka Connect; null is a kind of its own. Nested values, unknown fields and repeated keys are
// problems. Accepts the encodings of ParseJsonObject.
base::Expected<JsonDefinition, Problems> ReadJsonDefinition(const std::string& file,
                                                            std::string_view text);

// Like ReadJsonDefinition, but returns the configuration with the body's `name`. Two different
// names are a problem.
base::Expected<FlatConfig, Problems> ReadJson(const std::string& file, std::string_view text);

// Parses a bare configuration, `{"connector.class":…,…}`, as in `PUT /connectors/NAME/config`.
base::Expected<FlatConfig, Problems> ReadJsonConfig(const std::string& file, std::string_view text);

// Parses what Kafka Connect's API takes or answers for a connector: an object with `config`, of
// which only that and `name` are read, or a bare configuration.
base::Expected<FlatConfig, Problems> ReadAnyJson(const std::string& file, std::string_view text);

}  // namespace khs::config
