#include "http/request_head.h"

#include <algorithm>

#include "request/header_syntax.h"

namespace khs::http {

std::string RenderHead(const request::Request& request, std::string_view host) {
  std::string text;
  text.reserve(1024);
  text.append(request.method).append(" ").append(request.target).append(" HTTP/1.1\r\n");
  const bool has_host = std::any_of(
      request.headers.begin(), request.headers.end(),
      [](const auto& header) { return request::EqualIgnoringCase(header.first, "Host"); });
  if (!has_host) text.append("Host: ").append(host).append("\r\n");
  for (const auto& [name, value] : request.headers) {
    text.append(name).append(": ").append(value).append("\r\n");
  }
  text.append("Content-Length: ").append(std::to_string(request.body.size()));
  return text.append("\r\n\r\n");
}

}  // namespace khs::http
