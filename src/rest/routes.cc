#include "rest/routes.h"

#include <Poco/JSON/Object.h>

#include <sstream>

namespace khs::rest {
namespace {

Response NotAllowed(const std::string& allowed) {
  return {405, "text/plain; charset=utf-8", "method not allowed\n", {{"Allow", allowed}}};
}

// Kafka Connect's error body.
Response JsonError(int status, const std::string& message) {
  Poco::JSON::Object body(Poco::JSON_PRESERVE_KEY_ORDER);
  body.set("error_code", status);
  body.set("message", message);
  std::ostringstream text;
  body.stringify(text);
  return {status, "application/json", text.str(), {}};
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
    if (probes.started()) return {200, "text/plain; charset=utf-8", "ok\n", {}};
    return {503, "text/plain; charset=utf-8", "starting\n", {}};
  }
  std::string reasons;
  for (const std::string& reason : probes.unready()) reasons += reason + '\n';
  if (reasons.empty()) return {200, "text/plain; charset=utf-8", "ok\n", {}};
  return {503, "text/plain; charset=utf-8", reasons, {}};
}

Response RouteControl(const Control& control, const Request& request) {
  if (request.path != "/-/drain" && request.path != "/-/reload") {
    return JsonError(404, "HTTP 404 Not Found");
  }
  if (request.method != "POST") {
    Response response = JsonError(405, "HTTP 405 Method Not Allowed");
    response.headers["Allow"] = "POST";
    return response;
  }
  if (!request.from_loopback) return JsonError(403, "only from this machine");
  if (request.path == "/-/reload") {
    control.reload();
    return {202, "application/json", R"({"reload":"requested"})", {}};
  }
  if (control.drain()) return {200, "application/json", R"({"drained":true})", {}};
  return {200, "application/json", R"({"drained":false})", {}};
}

}  // namespace khs::rest
