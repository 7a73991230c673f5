#pragma once

#include "config/process_config.h"

namespace khs::app {

// Every variable of the process.
config::Environment ReadEnvironment();

}  // namespace khs::app
