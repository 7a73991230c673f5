#include "http/request_head.h"

namespace khs::http {

std::string RenderHead(const request::Request& request, const RequestFrame& frame, size_t more) {
  constexpr size_t kRestOfHead = 256;
  const std::string& headers = request.headers.lines();
  std::string text;
  text.reserve(headers.size() + request.target.size() + frame.target_prefix.size() +
               frame.headers.size() + kRestOfHead + more);
  text.append(request.method).append(" ").append(frame.target_prefix).append(request.target);
  text.append(" HTTP/1.1\r\n");
  if (!request.headers.Has("Host")) text.append("Host: ").append(frame.host).append("\r\n");
  text.append(headers).append(frame.headers);
  text.append("Content-Length: ").append(std::to_string(request.Body().size()));
  return text.append("\r\n\r\n");
}

}  // namespace khs::http
