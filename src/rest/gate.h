#pragma once

#include <functional>
#include <optional>

#include "base/clock.h"
#include "rest/message.h"

namespace khs::rest {

// Judges a request by its head, before its body is read: the answer that refuses it, or nothing.
// A listener calls it from one thread at a time, and all callers wait for it, so it has to be
// quick.
using Gate = std::function<std::optional<Response>(const Request& head, base::MonotonicTime now)>;

}  // namespace khs::rest
