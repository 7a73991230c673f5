#pragma once

#include "base/result.h"
#include "config/process_config.h"
#include "config/secrets.h"

namespace khs::app {

// Every variable of the process.
config::Environment ReadEnvironment();

// Answers `${env:NAME}` with the process's variables, and refuses files.
base::Expected<std::string, std::string> ReadEnvironmentSecret(
    const config::SecretReference& reference);

}  // namespace khs::app
