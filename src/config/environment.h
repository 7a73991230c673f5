#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/problem_list.h"
#include "config/process_config.h"
#include "config/settings.h"

namespace khs::config {

constexpr std::string_view kEnvironmentFile = "environment";

// Returns KAFKA_HTTP_SINK_KAFKA_BOOTSTRAP_SERVERS for `kafka.bootstrap.servers`.
std::string VariableName(std::string_view key);

// Returns the keys of sidecar.toml that are set by variables with the prefix KAFKA_HTTP_SINK_.
// Unknown variables are problems, except those that Kubernetes defines for a Service of that name.
std::vector<WrittenEntry> ReadEnvironment(const Environment& environment, ProblemList& problems);

}  // namespace khs::config
