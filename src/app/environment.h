#pragma once

#include "config/process_config.h"

namespace khs::app {

// Reads every environment variable of the process.
config::Environment ReadEnvironment();

}  // namespace khs::app
