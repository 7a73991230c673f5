#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.h"
#include "delivery/policy.h"
#include "delivery/record.h"
#include "delivery/record_fault.h"
#include "delivery/reply.h"

namespace khs::delivery {

// Why an attempt did not deliver its record; the `reason` of `retries_total`.
enum class ErrorReason {
  kIndicator,
  kStatus,
  kNoIndicator,
  kTimeout,
  kConnect,
  kDns,
  kTls,
  kProxy,
  kAuth,
  kIo
};

// What the answer to an attempt means for its record.
struct Verdict {
  enum class Kind { kDelivered, kResponseError, kRequestError, kDrop, kStop };

  Kind kind = Kind::kDelivered;
  ErrorReason reason = ErrorReason::kIndicator;  // unless it is delivered
};

// The statuses that deliver a record without a retry indicator.
const StatusCodes& SuccessCodes(const Policy& policy);
Verdict Interpret(const HttpReply& reply, const Policy& policy);
Verdict Interpret(const RequestFault& fault);
// For a reply that is not Aborted.
Verdict Interpret(const Reply& reply, const Policy& policy);

// The `reason` of `records_dropped_total`.
enum class DropReason { kResponseError, kRetriesExhausted, kTombstone, kStatus, kUnsendable };

// How often one record was attempted, and how many of its retries are used.
struct Progress {
  int attempts = 0;
  size_t response_retries = 0;  // of `retry_backoff`
  size_t request_retries = 0;   // of `request_retry_backoff`
  // When the first attempt began, in a time that stands still while the connector is paused.
  std::optional<base::MonotonicTime> first_attempt;
  bool due_at_end = false;  // the next attempt is due at the end of the delivery timeout
};

// Continues a record's progress under another policy: it keeps its place in a back-off that is
// unchanged, and starts a changed one from the beginning.
void AdaptProgress(Progress& progress, const Policy& from, const Policy& to);

// What happens to a record next.
struct Deliver {};
struct Retry {
  ErrorReason reason;
  Milliseconds delay;
};
struct Drop {
  DropReason reason;
};
struct Stop {
  std::string why;               // as text, for the task's trace
  std::string_view reason = {};  // the label of the error or drop reason
};
// The attempt was aborted: the record stays as it is, uncommitted.
struct Abandon {};
using Decision = std::variant<Deliver, Retry, Drop, Stop, Abandon>;

// Decides after an attempt that ended `now`, in the time of Progress::first_attempt, and counts it
// in `progress`. `chance` is a random number from 0 to 1.
Decision DecideAfterAttempt(const Policy& policy, const Reply& reply, Progress& progress,
                            base::MonotonicTime now, double chance);

// Gives the record up if its delivery timeout passed before its next attempt could begin. Only an
// attempt that is due at the end may begin later, up to a second. `reply` is that of the last one,
// and `now` as above.
std::optional<Decision> DecideBeforeRetry(const Policy& policy, const Reply& reply,
                                          const Progress& progress, base::MonotonicTime now);

// Decides without an attempt: for tombstones that are ignored or that stop the task.
std::optional<Decision> DecideBeforeAttempt(const Policy& policy, const Record& record);

// Decides about a record of which no request can be made: nothing is attempted and nothing waited
// for.
Decision DecideAfterFault(const Policy& policy, const RecordFault& fault);

// The labels in metrics and logs.
std::string_view Label(ErrorReason reason);
std::string_view Label(DropReason reason);
// Whether the answer is a 2xx that does not deliver the record for lack of the retry indicator.
bool LacksIndicator(const Reply& reply, const Policy& policy);
// Describes what happens to records while every answer lacks a required indicator: "each record is
// retried for about 995 s, then dropped".
std::string OutcomeWithoutIndicator(const Policy& policy, bool has_dead_letters);
// Describes an answer for logs and traces: "HTTP 503, no retry indicator", with its excerpt, or the
// fault's text.
std::string Describe(const Reply& reply);

}  // namespace khs::delivery
