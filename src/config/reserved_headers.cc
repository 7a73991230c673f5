#include "config/reserved_headers.h"

#include <algorithm>
#include <array>

#include "base/header_syntax.h"

namespace khs::config {

bool IsRecordHeader(std::string_view name) {
  constexpr std::array<std::string_view, 13> kNames{
      "X-Kafka-Topic",  "X-Kafka-Partition", "X-Kafka-Offset", "X-Kafka-Timestamp",
      "X-Kafka-Key",    "X-Kafka-Tombstone", "X-B3-TraceId",   "X-B3-SpanId",
      "X-B3-Sampled",   "X-B3-Info",         "traceparent",    "tracestate",
      "Idempotency-Key"};
  return std::any_of(kNames.begin(), kNames.end(),
                     [name](std::string_view known) { return base::IsSameForCgi(name, known); });
}

bool IsEventHeader(const CloudEventsConfig& cloud_events, std::string_view name) {
  constexpr std::string_view kPrefix = "ce-";
  return cloud_events.mode != CloudEventsConfig::Mode::kNone &&
         base::IsSameForCgi(name.substr(0, kPrefix.size()), kPrefix);
}

std::span<const std::string_view> SignatureHeaders(SignatureConfig::Type type) {
  using Type = SignatureConfig::Type;
  static constexpr std::array kStandardWebhooks{kWebhookId, kWebhookTimestamp, kWebhookSignature};
  static constexpr std::array kGithub{kGithubSignature};
  static constexpr std::array kStripe{kStripeSignature};
  switch (type) {
    case Type::kNone:
      return {};
    case Type::kStandardWebhooks:
      return kStandardWebhooks;
    case Type::kGithub:
      return kGithub;
    case Type::kStripe:
      return kStripe;
  }
  return {};
}

bool IsSignatureHeader(const SignatureConfig& signature, std::string_view name) {
  const auto names = SignatureHeaders(signature.type);
  return std::any_of(names.begin(), names.end(), [name](std::string_view reserved) {
    return base::IsSameForCgi(name, reserved);
  });
}

}  // namespace khs::config
