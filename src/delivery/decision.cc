#include "delivery/decision.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/result.h"

namespace khs::delivery {
namespace {

using Kind = Verdict::Kind;

// How much later an attempt may begin that is due at the end of the delivery timeout.
constexpr Milliseconds kMaxLateness{1'000};

// Returns what is left of the delivery timeout: 0 or less when it has passed, nothing without one.
std::optional<Milliseconds> TimeLeft(const Policy& policy, const Progress& progress,
                                     base::MonotonicTime now) {
  if (policy.delivery_timeout == Milliseconds(0)) return std::nullopt;
  const base::MonotonicTime end = progress.first_attempt.value_or(now) + policy.delivery_timeout;
  return std::chrono::ceil<Milliseconds>(end - now);
}

// Returns the delay before the next attempt, or why there is none.
base::Expected<Milliseconds, const char*> NextDelay(const Policy& policy, const Reply& reply,
                                                    const Verdict& verdict, Progress& progress,
                                                    base::MonotonicTime now, double chance) {
  const auto no_more = [](const char* why) { return base::Unexpected<const char*>(why); };
  const bool request_error = verdict.kind == Kind::kRequestError;
  const auto* http = std::get_if<HttpReply>(&reply);
  // A request error is retried under any strategy: an endpoint that is unreachable is no reason to
  // drop a record.
  if (!request_error) {
    if (!policy.strategy.backs_off) return no_more("the strategy stops at once");
    if (!http->retry && !policy.statuses.retry.Contains(http->status)) {
      return no_more("its status is not in retry.on.status.codes");
    }
  }
  const Backoff& backoff = request_error ? policy.request_retry_backoff : policy.retry_backoff;
  size_t& used = request_error ? progress.request_retries : progress.response_retries;
  const auto left = TimeLeft(policy, progress, now);
  if (used >= backoff.Limit(left.has_value())) {
    return no_more(backoff.kind == Backoff::Kind::kList ? "no delay is left in its back-off list"
                                                        : "no retry is left");
  }
  if (left && *left <= Milliseconds(0)) return no_more("delivery.timeout.ms has passed");
  Milliseconds delay = backoff.Delay(used++, chance);
  if (http != nullptr && http->retry_after) {
    delay = std::max(delay, std::min(*http->retry_after, policy.retry_after_max));
  }
  progress.due_at_end = left && delay >= *left;
  return progress.due_at_end ? *left : delay;
}

Stop StopAfter(const Reply& reply, const Verdict& verdict, const Progress& progress,
               const char* why) {
  const bool request_error = verdict.kind == Kind::kRequestError;
  return {fmt::format("{} ({}) on attempt {}, and {}",
                      request_error ? "request error" : "response error", Describe(reply),
                      progress.attempts, why),
          Label(verdict.reason)};
}

Decision GiveUp(const Policy& policy, const Reply& reply, const Verdict& verdict,
                const Progress& progress, const char* why) {
  const Strategy& strategy = policy.strategy;
  if (verdict.kind != Kind::kRequestError && strategy.then == Strategy::Then::kDrop) {
    return Drop{strategy.backs_off ? DropReason::kRetriesExhausted : DropReason::kResponseError};
  }
  return StopAfter(reply, verdict, progress, why);
}

}  // namespace

const StatusCodes& SuccessCodes(const Policy& policy) {
  static const StatusCodes all_2xx{{200, 299}};
  const bool any = policy.statuses.success.empty() && policy.indicator == IndicatorRule::kOptional;
  return any ? all_2xx : policy.statuses.success;
}

Verdict Interpret(const HttpReply& reply, const Policy& policy) {
  if (reply.retry) {
    return *reply.retry ? Verdict{Kind::kResponseError, ErrorReason::kIndicator}
                        : Verdict{Kind::kDelivered};
  }
  const StatusRules& rules = policy.statuses;
  const int status = reply.status;
  if (SuccessCodes(policy).Contains(status)) return {Kind::kDelivered};
  if (rules.request_error.Contains(status)) return {Kind::kRequestError, ErrorReason::kStatus};
  if (rules.drop.Contains(status)) return {Kind::kDrop, ErrorReason::kStatus};
  if (rules.stop.Contains(status)) return {Kind::kStop, ErrorReason::kStatus};
  const bool lacks_indicator =
      policy.indicator == IndicatorRule::kRequired && status >= 200 && status < 300;
  return {Kind::kResponseError, lacks_indicator ? ErrorReason::kNoIndicator : ErrorReason::kStatus};
}

Verdict Interpret(const RequestFault& fault) {
  switch (fault.kind) {
    case FaultKind::kTimeout:
      return {Kind::kRequestError, ErrorReason::kTimeout};
    case FaultKind::kConnect:
      return {Kind::kRequestError, ErrorReason::kConnect};
    case FaultKind::kDns:
      return {Kind::kRequestError, ErrorReason::kDns};
    case FaultKind::kTls:
      return {Kind::kRequestError, ErrorReason::kTls};
    case FaultKind::kProxy:
      return {Kind::kRequestError, ErrorReason::kProxy};
    case FaultKind::kAuth:
      return {Kind::kRequestError, ErrorReason::kAuth};
    case FaultKind::kIo:
      break;
  }
  return {Kind::kRequestError, ErrorReason::kIo};
}

Verdict Interpret(const Reply& reply, const Policy& policy) {
  if (const auto* http = std::get_if<HttpReply>(&reply)) return Interpret(*http, policy);
  return Interpret(std::get<RequestFault>(reply));
}

Decision DecideAfterAttempt(const Policy& policy, const Reply& reply, Progress& progress,
                            base::MonotonicTime now, double chance) {
  if (std::holds_alternative<Aborted>(reply)) return Abandon{};
  ++progress.attempts;
  const Verdict verdict = Interpret(reply, policy);
  switch (verdict.kind) {
    case Kind::kDelivered:
      return Deliver{};
    case Kind::kDrop:
      return Drop{DropReason::kStatus};
    case Kind::kStop:
      return StopAfter(reply, verdict, progress, "its status is in stop.on.status.codes");
    case Kind::kResponseError:
    case Kind::kRequestError:
      break;
  }
  const auto delay = NextDelay(policy, reply, verdict, progress, now, chance);
  if (delay) return Retry{verdict.reason, *delay};
  return GiveUp(policy, reply, verdict, progress, delay.error());
}

std::optional<Decision> DecideBeforeRetry(const Policy& policy, const Reply& reply,
                                          const Progress& progress, base::MonotonicTime now) {
  const auto left = TimeLeft(policy, progress, now);
  const bool is_in_time =
      !left || *left > Milliseconds(0) || (progress.due_at_end && *left >= -kMaxLateness);
  if (is_in_time) return std::nullopt;
  return GiveUp(policy, reply, Interpret(reply, policy), progress,
                "delivery.timeout.ms has passed");
}

std::optional<Decision> DecideBeforeAttempt(const Policy& policy, const Record& record) {
  if (record.value) return std::nullopt;
  if (policy.null_values == NullValues::kIgnore) return Drop{DropReason::kTombstone};
  if (policy.null_values == NullValues::kFail) {
    return Stop{"the record has a null value and behavior.on.null.values is fail",
                Label(DropReason::kTombstone)};
  }
  return std::nullopt;
}

Decision DecideAfterFault(const Policy& policy, const RecordFault& fault) {
  if (policy.strategy.then == Strategy::Then::kDrop) return Drop{DropReason::kUnsendable};
  return Stop{fault.text, Label(DropReason::kUnsendable)};
}

void AdaptProgress(Progress& progress, const Policy& from, const Policy& to) {
  if (from.retry_backoff != to.retry_backoff) progress.response_retries = 0;
  if (from.request_retry_backoff != to.request_retry_backoff) progress.request_retries = 0;
}

std::string_view Label(ErrorReason reason) {
  switch (reason) {
    case ErrorReason::kIndicator:
      return "indicator";
    case ErrorReason::kStatus:
      return "status";
    case ErrorReason::kNoIndicator:
      return "no_indicator";
    case ErrorReason::kTimeout:
      return "timeout";
    case ErrorReason::kConnect:
      return "connect";
    case ErrorReason::kDns:
      return "dns";
    case ErrorReason::kTls:
      return "tls";
    case ErrorReason::kProxy:
      return "proxy";
    case ErrorReason::kAuth:
      return "auth";
    case ErrorReason::kIo:
      break;
  }
  return "io";
}

std::string_view Label(DropReason reason) {
  switch (reason) {
    case DropReason::kResponseError:
      return "response_error";
    case DropReason::kRetriesExhausted:
      return "retries_exhausted";
    case DropReason::kStatus:
      return "status";
    case DropReason::kUnsendable:
      return "unsendable";
    case DropReason::kTombstone:
      break;
  }
  return "tombstone";
}

bool LacksIndicator(const Reply& reply, const Policy& policy) {
  const auto* http = std::get_if<HttpReply>(&reply);
  return http != nullptr && Interpret(*http, policy).reason == ErrorReason::kNoIndicator;
}

std::string OutcomeWithoutIndicator(const Policy& policy, bool has_dead_letters) {
  const bool stops = policy.strategy.then == Strategy::Then::kStop;
  const char* const end = stops              ? "the connector stops"
                          : has_dead_letters ? "written to the dead letter topic"
                                             : "dropped";
  const bool has_timeout = policy.delivery_timeout > Milliseconds(0);
  const bool retries = policy.strategy.backs_off && policy.statuses.retry.Contains(200);
  const size_t limit = retries ? policy.retry_backoff.Limit(has_timeout) : 0;
  if (limit == 0) {
    return stops ? fmt::format("{} at the first record", end)
                 : fmt::format("each record is {} at once", end);
  }
  const Milliseconds total = policy.retry_backoff.Sum(
      limit, 0.5, has_timeout ? policy.delivery_timeout : Milliseconds::max());
  return fmt::format("each record is retried for about {} s, then {}",
                     std::chrono::ceil<std::chrono::seconds>(total).count(), end);
}

std::string Describe(const Reply& reply) {
  if (const auto* http = std::get_if<HttpReply>(&reply)) {
    const char* indicator = !http->retry   ? "no retry indicator"
                            : *http->retry ? "retry=true"
                                           : "retry=false";
    return fmt::format("HTTP {}, {}{}{}", http->status, indicator,
                       http->excerpt.empty() ? "" : ": ", http->excerpt);
  }
  if (const auto* fault = std::get_if<RequestFault>(&reply)) return fault->detail;
  return "aborted";
}

}  // namespace khs::delivery
