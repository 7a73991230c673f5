#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/connector_config.h"
#include "delivery/policy.h"
#include "delivery/record.h"

namespace khs::http {

// Whose records these are, as the headers name it.
struct Identity {
  std::string connector;
  std::string group;
};

// A request without its body and without what belongs to the connection (Host, Content-Length).
struct RequestHead {
  std::string method;
  std::vector<std::pair<std::string, std::string>> headers;  // each fit for the wire
  // Record headers that were to be forwarded but that HTTP forbids.
  int headers_left_out = 0;
};

// The same for every attempt of a record. What is forwarded yields to what is configured, and both
// yield to the headers that describe the record.
RequestHead BuildRequestHead(const config::EndpointConfig& endpoint, const Identity& identity,
                             delivery::NullValues null_values, const delivery::Record& record);

// The head as it goes over the wire, up to and with the empty line. `host` is the Host header
// unless one is configured.
std::string RenderHead(const RequestHead& head, std::string_view path, std::string_view host,
                       size_t body_bytes);

}  // namespace khs::http
