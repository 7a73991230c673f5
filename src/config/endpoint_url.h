#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace khs::config {

// What is wrong with `callback.request.url`; empty when nothing is. A hidden one is not quoted.
std::string JudgeEndpointUrl(std::string_view url, bool is_hidden);

// A host's name or address, without brackets or a port.
bool IsHost(std::string_view host);

// Where host and port end in a URL.
size_t HostEnd(std::string_view url);

}  // namespace khs::config
