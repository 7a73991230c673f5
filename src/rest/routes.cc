#include "rest/routes.h"

#include <string>

namespace khs::rest {
namespace {

Response NotAllowed(const std::string& allowed) {
  return {405, "text/plain; charset=utf-8", "method not allowed\n", {{"Allow", allowed}}};
}

}  // namespace

Response RouteProbes(const Probes& probes, const Request& request) {
  const bool known = request.path == "/metrics" || request.path == "/livez" ||
                     request.path == "/readyz" || request.path == "/startupz";
  if (!known) return {404, "text/plain; charset=utf-8", "not found\n", {}};
  if (request.method != "GET" && request.method != "HEAD") return NotAllowed("GET, HEAD");
  if (request.path == "/metrics") {
    return {200, "text/plain; version=0.0.4; charset=utf-8", probes.metrics(), {}};
  }
  if (request.path == "/livez") return {200, "text/plain; charset=utf-8", "ok\n", {}};
  if (request.path == "/startupz") {
    const std::string why = probes.starting();
    if (why.empty()) return {200, "text/plain; charset=utf-8", "ok\n", {}};
    return {503, "text/plain; charset=utf-8", why + '\n', {}};
  }
  std::string reasons;
  for (const std::string& reason : probes.unready()) reasons += reason + '\n';
  if (reasons.empty()) return {200, "text/plain; charset=utf-8", "ok\n", {}};
  return {503, "text/plain; charset=utf-8", reasons, {}};
}

}  // namespace khs::rest
