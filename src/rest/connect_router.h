#pragma once

#include <string_view>
#include <vector>

#include "rest/connect_api.h"
#include "rest/message.h"

namespace khs::rest {

// Routes Kafka Connect's REST API for sink connectors, the calls of the program that this one
// replaces, and `/-/reload` and `/-/drain`. It calls `api.worker` and has no state. Any thread.
// Every answer is JSON or empty, except that of OPTIONS.
Response RouteConnect(const ConnectApi& api, const Request& request);

// A method and a path of the API; `{...}` stands for a segment. HEAD and OPTIONS are not listed.
struct ConnectRoute {
  std::string_view method;
  std::string_view path;
};

std::vector<ConnectRoute> ConnectRoutes();

}  // namespace khs::rest
