#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "delivery/policy.h"
#include "delivery/record.h"
#include "delivery/reply.h"

namespace khs::delivery {

// Why an attempt was not a delivery; the `reason` of `retries_total`.
enum class ErrorReason {
  kIndicator,
  kStatus,
  kNoIndicator,
  kTimeout,
  kConnect,
  kDns,
  kTls,
  kProxy,
  kIo
};

// What the answer to an attempt means for its record.
struct Verdict {
  enum class Kind { kDelivered, kResponseError, kRequestError };

  Kind kind = Kind::kDelivered;
  ErrorReason reason = ErrorReason::kIndicator;  // only for errors
};

Verdict Interpret(const HttpReply& reply, IndicatorRule rule);
Verdict Interpret(const RequestFault& fault);

// The `reason` of `records_dropped_total`.
enum class DropReason { kResponseError, kRetriesExhausted, kTombstone };

// How far a record has come. Belongs to the record alone: its neighbours neither repeat nor reset
// it.
struct Progress {
  int attempts = 0;
  size_t response_retries = 0;  // delays of `retry_backoff` that were used
  size_t request_retries = 0;   // delays of `request_retry_backoff` that were used
};

// A record goes on under another policy: it keeps its place in a back-off list that stays the same,
// and walks one that changed from its beginning.
void Rebase(Progress& progress, const Policy& from, const Policy& to);

// What becomes of a record now.
struct Deliver {};
struct Retry {
  ErrorReason reason;
  Milliseconds delay;
};
struct Drop {
  DropReason reason;
};
struct Stop {
  std::string why;               // for people: goes into the task's trace
  std::string_view reason = {};  // a label: of the error, or that of a tombstone
};
// The attempt was ended from this side: the record stays as it is, uncommitted.
struct Abandon {};
using Decision = std::variant<Deliver, Retry, Drop, Stop, Abandon>;

// Decides after an attempt, whose result is counted into `progress`.
Decision DecideAfterAttempt(const Policy& policy, const Reply& reply, Progress& progress);

// What is settled without any request: tombstones that are ignored or that stop the task.
std::optional<Decision> DecideBeforeAttempt(const Policy& policy, const Record& record);

// The labels under which metrics and logs know them.
std::string_view Label(ErrorReason reason);
std::string_view Label(DropReason reason);
// A 2xx without the retry indicator, which is no delivery where the indicator is required.
bool LacksIndicator(const Reply& reply);
// What becomes of records while every answer lacks a required indicator, for people: "each record
// is retried for about 995 s, then dropped".
std::string OutcomeWithoutIndicator(const Policy& policy, bool has_dead_letters);
// What was answered, for logs and traces: "HTTP 503, no retry indicator", or the fault's text.
std::string Describe(const Reply& reply);

}  // namespace khs::delivery
