#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.h"
#include "base/secret_filter.h"
#include "delivery/reply.h"

namespace khs::delivery {

// An HTTP response, as far as it matters here.
struct Response {
  int status = 0;
  std::optional<std::string> retry_after = {};  // the header's value
  std::string body = {};  // cut off when longer than kMaxIndicatorBody, but longer than that
};

// How an attempt ended.
using Outcome = std::variant<Response, RequestFault, Aborted>;

// How much of a response's body is shown, and what must not be.
struct ExcerptRule {
  size_t bytes = 0;
  base::SecretFilter secrets = {};
};

// Returns the beginning of a body as one printable line without secrets.
std::string MakeExcerpt(std::string_view body, const ExcerptRule& rule);

// Parses the retry indicator and Retry-After, which becomes a delay from `now`. Makes an excerpt
// unless the indicator says that the record is delivered.
Reply ParseOutcome(Outcome outcome, base::WallTime now, const ExcerptRule& rule = {});

}  // namespace khs::delivery
