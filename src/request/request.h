#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "request/headers.h"

namespace khs::request {

// An HTTP request, without the headers that the HTTP client adds (Content-Length, and Host unless
// it is configured).
struct Request {
  std::string method;
  std::string target;  // path and query, as sent
  Headers headers;
  // A part of the record, which must outlive the request, or a text of the request's own.
  std::variant<std::string_view, std::string> body;
  // Number of record headers that were not forwarded because HTTP forbids them.
  int headers_left_out = 0;

  std::string_view Body() const {
    return std::visit([](const auto& text) { return std::string_view(text); }, body);
  }
};

}  // namespace khs::request
