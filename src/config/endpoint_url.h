#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace khs::config {

// Returns what is wrong with `callback.request.url`; empty if it is valid. Quotes no hidden URL.
std::string ValidateEndpointUrl(std::string_view url, bool is_hidden);

// Returns whether a text is a host name or address, without brackets and port.
bool IsHost(std::string_view host);

// Returns the offset at which host and port end in a URL.
size_t HostEnd(std::string_view url);

}  // namespace khs::config
