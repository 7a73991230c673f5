#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace khs::config {

// What `sasl.jaas.config` of Kafka's Java client holds.
struct LoginModule {
  std::string name;                            // of the class, without its package
  std::map<std::string, std::string> options;  // credentials among them
};

// `CLASS FLAG KEY=VALUE ... ;` with values that may be quoted. Nothing when it is not exactly one.
std::optional<LoginModule> ParseJaas(std::string_view text);

}  // namespace khs::config
