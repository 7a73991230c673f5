#include "delivery/decision.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace khs::delivery {
namespace {

bool IsSuccess(int status) { return status >= 200 && status < 300; }

// Answers that speak of the way to the endpoint rather than of the record: a gateway, a door that
// is locked, a method that nobody serves.
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

Judgement JudgeReply(const Reply& reply, IndicatorRule rule) {
  if (const auto* http = std::get_if<HttpReply>(&reply)) return Judge(*http, rule);
  return Judge(std::get<RequestFault>(reply));
}

// The next delay of a list, lengthened by Retry-After up to its bound; nothing when the list is
// used up.
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

std::string WhyStopped(const Policy& policy, const Reply& reply, Verdict verdict,
                       const Progress& progress) {
  const char* error = verdict == Verdict::kRequestError ? "request error" : "response error";
  const char* reached = policy.strategy == Strategy::kStopTask && verdict == Verdict::kResponseError
                            ? "the strategy stops at once"
                            : "no delay is left in its back-off list";
  return fmt::format("{} ({}) on attempt {}, and {}", error, Describe(reply), progress.attempts,
                     reached);
}

}  // namespace

Judgement Judge(const HttpReply& reply, IndicatorRule rule) {
  if (reply.retry) {
    return *reply.retry ? Judgement{Verdict::kResponseError, ErrorReason::kIndicator}
                        : Judgement{Verdict::kDelivered};
  }
  if (IsSuccess(reply.status)) {
    return rule == IndicatorRule::kOptional
               ? Judgement{Verdict::kDelivered}
               : Judgement{Verdict::kResponseError, ErrorReason::kNoIndicator};
  }
  return {IsRequestErrorStatus(reply.status) ? Verdict::kRequestError : Verdict::kResponseError,
          ErrorReason::kStatus};
}

Judgement Judge(const RequestFault& fault) {
  switch (fault.kind) {
    case FaultKind::kTimeout:
      return {Verdict::kRequestError, ErrorReason::kTimeout};
    case FaultKind::kConnect:
      return {Verdict::kRequestError, ErrorReason::kConnect};
    case FaultKind::kDns:
      return {Verdict::kRequestError, ErrorReason::kDns};
    case FaultKind::kTls:
      return {Verdict::kRequestError, ErrorReason::kTls};
    case FaultKind::kProxy:
      return {Verdict::kRequestError, ErrorReason::kProxy};
    case FaultKind::kIo:
      break;
  }
  return {Verdict::kRequestError, ErrorReason::kIo};
}

Decision DecideAfterAttempt(const Policy& policy, const Reply& reply, Progress& progress) {
  if (std::holds_alternative<Aborted>(reply)) return Abandon{};
  ++progress.attempts;
  const Judgement judgement = JudgeReply(reply, policy.indicator);
  if (judgement.verdict == Verdict::kDelivered) return Deliver{};

  if (judgement.verdict == Verdict::kRequestError) {
    // Under every strategy: the way to the endpoint is no reason to drop a record.
    if (const auto delay =
            NextDelay(policy, policy.request_retry_backoff, progress.request_retries, reply)) {
      return Retry{judgement.reason, *delay};
    }
    return Stop{WhyStopped(policy, reply, judgement.verdict, progress), Label(judgement.reason)};
  }

  if (policy.strategy == Strategy::kDropMessage) return Drop{DropReason::kResponseError};
  if (policy.strategy == Strategy::kStopTask) {
    return Stop{WhyStopped(policy, reply, judgement.verdict, progress), Label(judgement.reason)};
  }
  if (const auto delay =
          NextDelay(policy, policy.retry_backoff, progress.response_retries, reply)) {
    return Retry{judgement.reason, *delay};
  }
  if (policy.strategy == Strategy::kProgressBackOffDropMessage) {
    return Drop{DropReason::kRetriesExhausted};
  }
  return Stop{WhyStopped(policy, reply, judgement.verdict, progress), Label(judgement.reason)};
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

void Rebase(Progress& progress, const Policy& from, const Policy& to) {
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
  const bool stops = policy.strategy == Strategy::kStopTask ||
                     policy.strategy == Strategy::kProgressBackOffStopTask;
  const bool retries = policy.strategy == Strategy::kProgressBackOffDropMessage ||
                       policy.strategy == Strategy::kProgressBackOffStopTask;
  const char* const end = stops              ? "the connector stops"
                          : has_dead_letters ? "written to the dead letter topic"
                                             : "dropped";
  if (!retries || policy.retry_backoff.empty()) {
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
