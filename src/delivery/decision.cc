#include "delivery/decision.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace khs::delivery {
namespace {

using Kind = Verdict::Kind;

bool IsSuccess(int status) { return status >= 200 && status < 300; }

// Statuses that concern the way to the endpoint and not the record: a gateway that fails, missing
// authorization, a wrong method.
bool IsRequestErrorStatus(int status) {
  switch (status) {
    case 401:
    case 403:
    case 405:
    case 406:
    case 502:
    case 503:
    case 504:
      return true;
    default:
      return false;
  }
}

// The next delay of a list, or Retry-After up to its bound if that is longer; nothing when the list
// is used up.
std::optional<Milliseconds> NextDelay(const Policy& policy, const std::vector<Milliseconds>& delays,
                                      size_t& used, const Reply& reply) {
  if (used >= delays.size()) return std::nullopt;
  Milliseconds delay = delays[used++];
  const auto* http = std::get_if<HttpReply>(&reply);
  if (http != nullptr && http->retry_after) {
    delay = std::max(delay, std::min(*http->retry_after, policy.retry_after_max));
  }
  return delay;
}

Stop StopAfter(const Policy& policy, const Reply& reply, const Verdict& verdict,
               const Progress& progress) {
  const bool request_error = verdict.kind == Kind::kRequestError;
  const char* reached = !request_error && !policy.strategy.backs_off
                            ? "the strategy stops at once"
                            : "no delay is left in its back-off list";
  return {fmt::format("{} ({}) on attempt {}, and {}",
                      request_error ? "request error" : "response error", Describe(reply),
                      progress.attempts, reached),
          Label(verdict.reason)};
}

}  // namespace

Verdict Interpret(const HttpReply& reply, IndicatorRule rule) {
  if (reply.retry) {
    return *reply.retry ? Verdict{Kind::kResponseError, ErrorReason::kIndicator}
                        : Verdict{Kind::kDelivered};
  }
  if (IsSuccess(reply.status)) {
    return rule == IndicatorRule::kOptional
               ? Verdict{Kind::kDelivered}
               : Verdict{Kind::kResponseError, ErrorReason::kNoIndicator};
  }
  return {IsRequestErrorStatus(reply.status) ? Kind::kRequestError : Kind::kResponseError,
          ErrorReason::kStatus};
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
    case FaultKind::kIo:
      break;
  }
  return {Kind::kRequestError, ErrorReason::kIo};
}

Verdict Interpret(const Reply& reply, IndicatorRule rule) {
  if (const auto* http = std::get_if<HttpReply>(&reply)) return Interpret(*http, rule);
  return Interpret(std::get<RequestFault>(reply));
}

Decision DecideAfterAttempt(const Policy& policy, const Reply& reply, Progress& progress) {
  if (std::holds_alternative<Aborted>(reply)) return Abandon{};
  ++progress.attempts;
  const Verdict verdict = Interpret(reply, policy.indicator);
  if (verdict.kind == Kind::kDelivered) return Deliver{};

  if (verdict.kind == Kind::kRequestError) {
    // Whatever the strategy is: an endpoint that is unreachable is no reason to drop a record.
    if (const auto delay =
            NextDelay(policy, policy.request_retry_backoff, progress.request_retries, reply)) {
      return Retry{verdict.reason, *delay};
    }
    return StopAfter(policy, reply, verdict, progress);
  }

  const Strategy& strategy = policy.strategy;
  if (strategy.backs_off) {
    if (const auto delay =
            NextDelay(policy, policy.retry_backoff, progress.response_retries, reply)) {
      return Retry{verdict.reason, *delay};
    }
  }
  if (strategy.then == Strategy::Then::kDrop) {
    return Drop{strategy.backs_off ? DropReason::kRetriesExhausted : DropReason::kResponseError};
  }
  return StopAfter(policy, reply, verdict, progress);
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
    case DropReason::kTombstone:
      break;
  }
  return "tombstone";
}

bool LacksIndicator(const Reply& reply) {
  const auto* http = std::get_if<HttpReply>(&reply);
  return http != nullptr && !http->retry && IsSuccess(http->status);
}

std::string OutcomeWithoutIndicator(const Policy& policy, bool has_dead_letters) {
  const bool stops = policy.strategy.then == Strategy::Then::kStop;
  const char* const end = stops              ? "the connector stops"
                          : has_dead_letters ? "written to the dead letter topic"
                                             : "dropped";
  if (!policy.strategy.backs_off || policy.retry_backoff.empty()) {
    return stops ? fmt::format("{} at the first record", end)
                 : fmt::format("each record is {} at once", end);
  }
  Milliseconds total{0};
  for (const Milliseconds delay : policy.retry_backoff) total += delay;
  return fmt::format("each record is retried for about {} s, then {}",
                     std::chrono::ceil<std::chrono::seconds>(total).count(), end);
}

std::string Describe(const Reply& reply) {
  if (const auto* http = std::get_if<HttpReply>(&reply)) {
    const char* indicator = !http->retry   ? "no retry indicator"
                            : *http->retry ? "retry=true"
                                           : "retry=false";
    return fmt::format("HTTP {}, {}", http->status, indicator);
  }
  if (const auto* fault = std::get_if<RequestFault>(&reply)) return fault->detail;
  return "aborted";
}

}  // namespace khs::delivery
