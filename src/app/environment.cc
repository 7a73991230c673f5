#include "app/environment.h"

#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace khs::app {

config::Environment ReadEnvironment() {
  config::Environment environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    environment.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

base::Expected<std::string, std::string> ReadEnvironmentSecret(
    const config::SecretReference& reference) {
  using Reason = base::Unexpected<std::string>;
  if (reference.kind != config::SecretReference::Kind::kEnvironment) {
    return Reason("secrets in files are not available yet");
  }
  const char* value = std::getenv(reference.place.c_str());
  if (value == nullptr) return Reason("the variable is not set");
  return std::string(value);
}

}  // namespace khs::app
