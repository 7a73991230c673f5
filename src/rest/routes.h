#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "rest/message.h"

namespace khs::rest {

// What the read-only listener shows; each function is called for the request that needs it.
struct Probes {
  std::function<std::string()> metrics;   // Prometheus' text format
  std::function<std::string()> starting;  // why the start is not complete; empty: it is
  // Why the process is not ready; empty: it is.
  std::function<std::vector<std::string>()> unready;
};

// `/metrics`, `/livez`, `/readyz`, `/startupz`.
Response RouteProbes(const Probes& probes, const Request& request);

}  // namespace khs::rest
