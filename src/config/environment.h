#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/problem_list.h"
#include "config/process_config.h"
#include "config/settings.h"

namespace khs::config {

constexpr std::string_view kEnvironmentFile = "environment";

// `kafka.bootstrap.servers` -> KAFKA_HTTP_SINK_KAFKA_BOOTSTRAP_SERVERS.
std::string VariableName(std::string_view key);

// The keys of sidecar.toml that the variables of our prefix stand for. Unknown ones become
// problems, except those that Kubernetes makes for a Service of our name.
std::vector<Written> ReadEnvironment(const Environment& environment, ProblemList& problems);

}  // namespace khs::config
