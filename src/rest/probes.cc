#include "rest/probes.h"

#include <string>

namespace khs::rest {
namespace {

const char* const kText = "text/plain; charset=utf-8";

// The reasons say why a probe fails, one a line; empty when it succeeds.
Response ProbeAnswer(const std::string& reasons) {
  if (reasons.empty()) return {200, kText, "ok\n", {}};
  return {503, kText, reasons, {}};
}

}  // namespace

Response RouteProbes(const Probes& probes, const Request& request) {
  const std::string& path = request.path;
  if (path != "/metrics" && path != "/livez" && path != "/readyz" && path != "/startupz") {
    return {404, kText, "not found\n", {}};
  }
  if (request.method != "GET" && request.method != "HEAD") {
    return {405, kText, "method not allowed\n", {{"Allow", "GET, HEAD"}}};
  }
  if (path == "/metrics") {
    return {200, "text/plain; version=0.0.4; charset=utf-8", probes.metrics(), {}};
  }
  if (path == "/livez") return ProbeAnswer({});
  std::string reasons;
  if (path == "/startupz") {
    const std::string why = probes.starting();
    if (!why.empty()) reasons = why + '\n';
  } else {
    for (const std::string& reason : probes.unready()) reasons += reason + '\n';
  }
  return ProbeAnswer(reasons);
}

}  // namespace khs::rest
