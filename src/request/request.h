#pragma once

#include <string>
#include <string_view>

#include "request/headers.h"

namespace khs::request {

// An HTTP request, without the headers that the HTTP client adds (Content-Length, and Host unless
// it is configured).
struct Request {
  std::string method;
  std::string target;  // path and query, as sent
  Headers headers;
  std::string_view body;  // points into the record, which must outlive the request
  // Number of record headers that were not forwarded because HTTP forbids them.
  int headers_left_out = 0;
};

}  // namespace khs::request
