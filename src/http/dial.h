#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "delivery/reply.h"
#include "http/resolver.h"
#include "http/unique_fd.h"

namespace khs::http {

// A connected, blocking TCP socket to the first of the addresses that takes one, tried in turn,
// each with its share of the time that is left. Ends at once with Aborted when `abort_event` (an
// eventfd) becomes readable; any other failure is a RequestFault about `label`.
base::Expected<UniqueFd, delivery::Reply> Dial(const std::vector<Address>& addresses,
                                               const std::string& label,
                                               base::MonotonicTime deadline, int abort_event);

}  // namespace khs::http
