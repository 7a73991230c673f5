#pragma once

#include <optional>
#include <string_view>

#include "config/process_config.h"

namespace khs::config {

// `host:port` or `[v6]:port`.
std::optional<ListenAddress> ParseListenAddress(std::string_view text);

// Whether only this machine can connect.
bool IsLoopback(const ListenAddress& address);

}  // namespace khs::config
