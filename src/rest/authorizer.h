#pragma once

#include <functional>
#include <optional>

#include "base/clock.h"
#include "rest/message.h"

namespace khs::rest {

// Authorizes a request by its head, before the body is read. Returns the response that refuses it,
// or nothing. A listener calls it from one thread at a time and all connections wait for it, so it
// must be quick.
using Authorizer =
    std::function<std::optional<Response>(const Request& head, base::MonotonicTime now)>;

}  // namespace khs::rest
