#pragma once

#include <string_view>
#include <vector>

#include "rest/connect_api.h"
#include "rest/message.h"

namespace khs::rest {

// Kafka Connect's REST API for sink connectors, the calls of the program that this one replaces,
// and `/-/reload` and `/-/drain`. Decides by the request alone and acts on `api.worker`; any
// thread. Every answer but that of OPTIONS is JSON or empty.
Response RouteConnect(const ConnectApi& api, const Request& request);

// A method and a path of the API; `{...}` stands for a segment. HEAD and OPTIONS go without saying.
struct ConnectRoute {
  std::string_view method;
  std::string_view path;
};

std::vector<ConnectRoute> ConnectRoutes();

}  // namespace khs::rest
