#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "rest/message.h"

namespace khs::rest {

// What the read-only listener shows; each function is called for the request that needs it.
struct Probes {
  std::function<std::string()> metrics;  // Prometheus' text format
  std::function<bool()> started;
  // Why the process is not ready; empty: it is.
  std::function<std::vector<std::string>()> unready;
};

// `/metrics`, `/livez`, `/readyz`, `/startupz`.
Response RouteProbes(const Probes& probes, const Request& request);

struct Control {
  std::function<bool()> drain;  // true when done, false when its bound was over first
  std::function<void()> reload;
};

// `POST /-/drain`, `POST /-/reload`, both from loopback only. The rest of the REST API answers 404
// until it is built.
Response RouteControl(const Control& control, const Request& request);

}  // namespace khs::rest
