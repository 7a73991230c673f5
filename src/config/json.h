#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "config/flat.h"
#include "config/problem.h"

namespace khs::config {

// `{"name":…,"config":{…},"initial_state":…}`, which creates a connector through REST.
struct JsonDefinition {
  std::optional<std::string> name;
  std::optional<std::string> initial_state;
  FlatConfig config;  // as sent: without the name above
};

// Numbers and booleans become strings as they are written, as in Kafka Connect; null is kept as a
// kind; nested values, unknown fields and keys that are given twice are problems. Any encoding that
// ParseJsonObject takes.
base::Expected<JsonDefinition, Problems> ReadJsonDefinition(const std::string& file,
                                                            std::string_view text);

// ReadJsonDefinition as a definition to judge: `name` joins the configuration when that has none.
// Two names that differ are a problem.
base::Expected<FlatConfig, Problems> ReadJson(const std::string& file, std::string_view text);

// The bare configuration, `{"connector.class":…,…}`, as REST takes it for PUT.
base::Expected<FlatConfig, Problems> ReadJsonConfig(const std::string& file, std::string_view text);

}  // namespace khs::config
