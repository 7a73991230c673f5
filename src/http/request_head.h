#pragma once

#include <string>
#include <string_view>

#include "request/request.h"

namespace khs::http {

// The head as it goes over the wire, up to and with the empty line. `host` is the Host header
// unless one is configured.
std::string RenderHead(const request::Request& request, std::string_view host);

}  // namespace khs::http
