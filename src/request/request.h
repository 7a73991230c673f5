#pragma once

#include <string>
#include <string_view>

#include "request/headers.h"

namespace khs::request {

// An HTTP request, but for what belongs to the connection (Content-Length, and Host unless it is
// configured).
struct Request {
  std::string method;
  std::string target;  // path and query, as they go on the wire
  Headers headers;
  std::string_view body;  // of the record, which must outlive it
  // Record headers that were to be forwarded but that HTTP forbids.
  int headers_left_out = 0;
};

}  // namespace khs::request
