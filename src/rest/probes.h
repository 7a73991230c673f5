#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "rest/message.h"

namespace khs::rest {

// Functions for the metrics and probes listener.
struct Probes {
  std::function<std::string()> metrics;   // Prometheus' text format
  std::function<std::string()> starting;  // why the start is not complete; empty when it is
  // Why the process is not ready; empty when it is.
  std::function<std::vector<std::string>()> unready;
};

// Answers `/metrics`, `/livez`, `/readyz` and `/startupz`.
Response RouteProbes(const Probes& probes, const Request& request);

}  // namespace khs::rest
