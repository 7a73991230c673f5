#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "auth/token_flow.h"
#include "base/clock.h"
#include "base/result.h"
#include "config/connector_config.h"

namespace khs::auth {

// Which tokens are the same: those that the same client requests in the same way.
struct OAuth2Identity {
  config::OAuth2Config client;
  config::TlsConfig tls;
  config::ProxyConfig proxy;

  // Compares the texts of secrets, wherever they come from.
  bool operator==(const OAuth2Identity& other) const;
};

// Returns whether two identities differ at most in the client's secret or assertion.
bool IsSameClient(const OAuth2Identity& a, const OAuth2Identity& b);

OAuth2Identity IdentityOf(const config::EndpointConfig& endpoint);

// Builds the request for a token by client credentials (RFC 6749, 4.4).
request::Request BuildTokenRequest(const config::OAuth2Config& client);

// Returns in what time a token says that it expires, if it is a JWT (RFC 7519).
std::optional<std::chrono::milliseconds> ClaimedLifetime(std::string_view token,
                                                         base::WallTime now);

// Parses the answer (RFC 6749, 5). `property` is the field with the token. The error names the
// server's error code, and nothing else of the answer.
base::Expected<TokenFlow::Obtained, std::string> ParseTokenResponse(
    const delivery::Response& response, const std::string& property);

// Throws std::runtime_error that names the key of an unusable URL or certificate file.
std::shared_ptr<const task::Destination> MakeTokenDestination(const OAuth2Identity& identity);

// Gets tokens by client credentials. Throws as MakeTokenDestination.
std::unique_ptr<TokenFlow> MakeOAuth2Flow(const OAuth2Identity& identity);

}  // namespace khs::auth
