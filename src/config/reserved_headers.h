#pragma once

#include <span>
#include <string_view>

#include "config/connector_config.h"

namespace khs::config {

constexpr std::string_view kWebhookId = "webhook-id";
constexpr std::string_view kWebhookTimestamp = "webhook-timestamp";
constexpr std::string_view kWebhookSignature = "webhook-signature";
constexpr std::string_view kGithubSignature = "X-Hub-Signature-256";
constexpr std::string_view kStripeSignature = "Stripe-Signature";

// Returns whether a name is that of a header that describes the record. Neither configured nor
// forwarded headers replace it, not even when the record lacks the value (no key, no timestamp). As
// for CGI-like receivers, underscores count as dashes.
bool IsRecordHeader(std::string_view name);

// Returns whether a name is that of a header for an attribute of an event, if requests are
// CloudEvents, with underscores as above. Neither configured nor forwarded headers may have such a
// name.
bool IsEventHeader(const CloudEventsConfig& cloud_events, std::string_view name);

// The headers of a kind of signature. Neither configured nor forwarded headers may have their
// names.
std::span<const std::string_view> SignatureHeaders(SignatureConfig::Type type);

// Returns whether a name is that of a header of the signature, if the definition asks for one, with
// underscores as above.
bool IsSignatureHeader(const SignatureConfig& signature, std::string_view name);

}  // namespace khs::config
