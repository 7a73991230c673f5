#pragma once

#include <optional>
#include <string_view>

#include "config/process_config.h"

namespace khs::config {

// Parses `host:port` or `[v6]:port`.
std::optional<ListenAddress> ParseListenAddress(std::string_view text);

// Returns whether only this machine can connect to the address.
bool IsLoopback(const ListenAddress& address);

}  // namespace khs::config
