#include "rest/connect_router.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <span>
#include <string>

#include "base/log.h"
#include "rest/browser.h"
#include "rest/connect_answers.h"
#include "rest/connect_handlers.h"
#include "rest/media_type.h"
#include "rest/request_target.h"

namespace khs::rest {
namespace {

const base::Logger& Log() {
  static const base::Logger logger("rest");
  return logger;
}

enum class Kind {
  kPlain,
  kActing,  // a GET that changes something, kept from the predecessor; not for HEAD
  kLocal,   // only for callers on this machine; any body is accepted
};

struct Route {
  std::string_view method;
  std::string_view path;
  CallHandler handle;
  Kind kind = Kind::kPlain;
};

constexpr Route kRoutes[] = {
    {"GET", "/", GetRoot},
    {"GET", "/health", GetHealth},
    {"GET", "/openapi.json", GetOpenApi},
    {"GET", "/connectors", ListConnectors},
    {"POST", "/connectors", CreateConnector},
    {"GET", "/connectors/{connector}", GetConnector},
    {"PUT", "/connectors/{connector}", PutConfig},
    {"DELETE", "/connectors/{connector}", DeleteConnector},
    {"GET", "/connectors/{connector}/config", GetConfig},
    {"PUT", "/connectors/{connector}/config", PutConfig},
    {"PATCH", "/connectors/{connector}/config", PatchConfig},
    {"GET", "/connectors/{connector}/status", GetStatus},
    {"GET", "/connectors/{connector}/tasks", GetTasks},
    {"GET", "/connectors/{connector}/tasks/{task}/status", GetTaskStatus},
    {"POST", "/connectors/{connector}/tasks/{task}/restart", RestartTask},
    {"POST", "/connectors/{connector}/restart", RestartConnector},
    {"GET", "/connectors/{connector}/pause", PauseConnector, Kind::kActing},
    {"PUT", "/connectors/{connector}/pause", PauseConnector},
    {"GET", "/connectors/{connector}/resume", ResumeConnector, Kind::kActing},
    {"PUT", "/connectors/{connector}/resume", ResumeConnector},
    {"PUT", "/connectors/{connector}/stop", StopConnector},
    {"GET", "/connectors/{connector}/topics", GetTopics},
    {"PUT", "/connectors/{connector}/topics/reset", ResetTopics},
    {"GET", "/connectors/{connector}/offsets", GetOffsets},
    {"PATCH", "/connectors/{connector}/offsets", PatchOffsets},
    {"DELETE", "/connectors/{connector}/offsets", DeleteOffsets},
    {"GET", "/connector-plugins", ListPlugins},
    {"GET", "/connector-plugins/{plugin}/config", GetPluginConfig},
    {"PUT", "/connector-plugins/{plugin}/config/validate", ValidatePluginConfig},
    {"GET", "/admin/loggers", ListLoggers},
    {"GET", "/admin/loggers/{logger}", GetLogger},
    {"PUT", "/admin/loggers/{logger}", PutLogger},
    {"POST", "/-/reload", PostReload, Kind::kLocal},
    {"POST", "/-/drain", PostDrain, Kind::kLocal},
};

using Segments = std::vector<std::string_view>;

bool IsParameter(std::string_view segment) { return segment.starts_with('{'); }

bool Matches(const Segments& pattern, const Segments& path) {
  return std::equal(pattern.begin(), pattern.end(), path.begin(), path.end(),
                    [](std::string_view wanted, std::string_view segment) {
                      return IsParameter(wanted) ? !segment.empty() : wanted == segment;
                    });
}

std::vector<const Route*> RoutesOf(const Segments& path) {
  std::vector<const Route*> routes;
  for (const Route& route : kRoutes) {
    if (Matches(*SplitPath(route.path), path)) routes.push_back(&route);
  }
  return routes;
}

// The path's values for the parameters of the pattern; absent when an escape is invalid.
std::optional<std::vector<std::string>> Parameters(const Route& route, const Segments& path) {
  std::vector<std::string> parameters;
  const Segments pattern = *SplitPath(route.path);
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (!IsParameter(pattern[i])) continue;
    auto decoded = PercentDecode(path[i]);
    if (!decoded) return std::nullopt;
    parameters.push_back(std::move(*decoded));
  }
  return parameters;
}

bool AnswersHead(const Route& route) { return route.method == "GET" && route.kind == Kind::kPlain; }

const Route* Find(std::span<const Route* const> routes, std::string_view method) {
  for (const Route* route : routes) {
    if (route->method == method || (method == "HEAD" && AnswersHead(*route))) return route;
  }
  return nullptr;
}

std::string Allowed(std::span<const Route* const> routes) {
  std::vector<std::string_view> methods = {"OPTIONS"};
  for (const Route* route : routes) {
    methods.push_back(route->method);
    if (AnswersHead(*route)) methods.push_back("HEAD");
  }
  std::sort(methods.begin(), methods.end());
  std::string list;
  for (const std::string_view method : methods) {
    list += (list.empty() ? "" : ", ") + std::string(method);
  }
  return list;
}

bool Acts(const Route& route) { return route.method != "GET" || route.kind == Kind::kActing; }

bool ReadsBody(std::string_view method) { return method != "GET" && method != "HEAD"; }

// The answer to a body in an unsupported format. Its headers list the supported ones (RFC 9110,
// 15.5.16).
std::optional<Response> UnsupportedBody(const Request& request) {
  if (!ReadsBody(request.method)) return std::nullopt;
  const std::string type = request.Header("content-type");
  if (type.empty() ? !request.body.empty() : !IsJson(type)) {
    Response response = HttpError(415, "send application/json");
    response.headers["Accept"] = "application/json";
    return response;
  }
  if (!IsIdentity(request.Header("content-encoding"))) {
    Response response = HttpError(415, "send the body as it is, without Content-Encoding");
    response.headers["Accept-Encoding"] = "identity";
    return response;
  }
  return std::nullopt;
}

Response Dispatch(const ConnectApi& api, const Request& request) {
  const auto path = SplitPath(PathOf(request.path));
  const auto routes = path ? RoutesOf(*path) : std::vector<const Route*>();
  if (routes.empty()) return HttpError(404);
  if (request.method == "OPTIONS") {
    const std::string allowed = Allowed(routes);
    return {200, "text/plain", allowed, {{"Allow", allowed}}};
  }
  const Route* route = Find(routes, request.method);
  if (route == nullptr) {
    Response response = HttpError(405);
    response.headers["Allow"] = Allowed(routes);
    return response;
  }
  if (route->kind == Kind::kLocal && !request.from_loopback) {
    return Error(403, "this call is allowed only from this machine");
  }
  if (Acts(*route) && MayBeCrossSite(request)) {
    return Error(403,
                 "refused: Origin, Sec-Fetch-Site or Host suggests a web page of another site");
  }
  if (route->kind != Kind::kLocal) {
    if (auto unsupported = UnsupportedBody(request)) return std::move(*unsupported);
    if (!AcceptsJson(request.Header("accept"))) return HttpError(406);
  }
  auto parameters = Parameters(*route, *path);
  if (!parameters) return HttpError(400);
  return route->handle({api, request, std::move(*parameters)});
}

}  // namespace

Response RouteConnect(const ConnectApi& api, const Request& request) {
  try {
    return Dispatch(api, request);
  } catch (const std::exception& error) {
    Log().Error("request failed",
                {{"method", request.method}, {"path", request.path}, {"error", error.what()}});
    return HttpError(500);
  }
}

std::vector<ConnectRoute> ConnectRoutes() {
  std::vector<ConnectRoute> routes;
  for (const Route& route : kRoutes) routes.push_back({route.method, route.path});
  return routes;
}

}  // namespace khs::rest
