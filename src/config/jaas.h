#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace khs::config {

// The value of `sasl.jaas.config` of Kafka's Java client.
struct LoginModule {
  std::string name;                            // the class name without its package
  std::map<std::string, std::string> options;  // may contain credentials
};

// Parses `CLASS FLAG KEY=VALUE ... ;`, where values may be quoted. Returns nullopt unless the text
// is exactly one module.
std::optional<LoginModule> ParseJaas(std::string_view text);

}  // namespace khs::config
