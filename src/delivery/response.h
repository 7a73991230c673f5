#pragma once

#include <optional>
#include <string>
#include <variant>

#include "base/clock.h"
#include "delivery/reply.h"

namespace khs::delivery {

// An HTTP response, as far as it matters here.
struct Response {
  int status = 0;
  std::optional<std::string> retry_after = {};  // the header's value
  std::string body = {};                        // empty when longer than kMaxIndicatorBody
};

// How an attempt ended.
using Outcome = std::variant<Response, RequestFault, Aborted>;

// Parses the retry indicator and Retry-After, which becomes a delay from `now`.
Reply ParseOutcome(Outcome outcome, base::WallTime now);

}  // namespace khs::delivery
