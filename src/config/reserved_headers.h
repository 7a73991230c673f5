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

// The headers of a kind of signature. Neither configured nor forwarded headers may have their
// names.
std::span<const std::string_view> SignatureHeaders(SignatureConfig::Type type);

// Returns whether a name is that of a header of the signature, if the definition asks for one. As
// for CGI-like receivers, underscores count as dashes.
bool IsSignatureHeader(const SignatureConfig& signature, std::string_view name);

}  // namespace khs::config
