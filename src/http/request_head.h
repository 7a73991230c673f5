#pragma once

#include <cstddef>
#include <string>

#include "request/request.h"

namespace khs::http {

// The parts of a request that are the same for all requests to one destination.
struct RequestFrame {
  std::string host;           // value of the header Host, unless one is configured
  std::string target_prefix;  // scheme and host before the target, when a proxy needs them
  std::string headers;        // complete lines
};

// Returns a request as it is sent, up to its body. Reserves memory for `more` bytes that the caller
// appends.
std::string RenderHead(const request::Request& request, const RequestFrame& frame, size_t more = 0);

}  // namespace khs::http
