#pragma once

#include <optional>
#include <string>
#include <variant>

#include "base/clock.h"
#include "delivery/reply.h"

namespace khs::delivery {

// An answer by HTTP: as much of it as is read.
struct Response {
  int status = 0;
  std::optional<std::string> retry_after = {};  // the header's value
  std::string body = {};                        // empty when longer than kMaxIndicatorBody
};

// How an attempt ended.
using Outcome = std::variant<Response, RequestFault, Aborted>;

// What is to be known of it: the retry indicator is looked for, and Retry-After becomes a wait from
// `now`.
Reply ReplyOf(Outcome outcome, base::WallTime now);

}  // namespace khs::delivery
