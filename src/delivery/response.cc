#include "delivery/response.h"

#include <utility>

#include "delivery/retry_after.h"
#include "delivery/retry_indicator.h"

namespace khs::delivery {

Reply ParseOutcome(Outcome outcome, base::WallTime now) {
  if (auto* fault = std::get_if<RequestFault>(&outcome)) return std::move(*fault);
  const auto* response = std::get_if<Response>(&outcome);
  if (response == nullptr) return Aborted{};
  HttpReply reply{response->status, ParseRetryIndicator(response->body), {}};
  if (response->retry_after) reply.retry_after = ParseRetryAfter(*response->retry_after, now);
  return reply;
}

}  // namespace khs::delivery
