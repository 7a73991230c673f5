#include "auth/oauth2_flow.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include "base/encoding.h"
#include "base/header_syntax.h"
#include "base/json_text.h"
#include "delivery/retry_indicator.h"
#include "http/destination.h"
#include "request/target.h"

namespace khs::auth {
namespace {

using ClientAuth = config::OAuth2Config::ClientAuth;
using Unexpected = base::Unexpected<std::string>;

// Of a request for a token. Connectors share it, so it has none of their timeouts.
constexpr std::chrono::seconds kConnectTimeout{10};
constexpr std::chrono::seconds kReadTimeout{30};
constexpr size_t kMaxErrorCode = 64;
// In seconds. Later times would overflow the clock.
constexpr double kLongestLifetime = 1e9;
constexpr double kLatestTime = 9e9;

// The text of a JSON string; nothing for other values.
std::optional<std::string> StringOf(std::string_view json) {
  if (!json.starts_with('"')) return std::nullopt;
  return base::UnescapeJson(json);
}

// A number, or a string of digits, as a time of 0 to `longest` seconds. Nothing if it is neither.
std::optional<std::chrono::milliseconds> SecondsOf(std::string_view json, double longest) {
  const std::string text = StringOf(json).value_or(std::string(json));
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (std::isnan(seconds)) return std::nullopt;
  return std::chrono::milliseconds(static_cast<int64_t>(std::clamp(seconds, 0., longest) * 1000));
}

// The error code of RFC 6749, 5.2, in brackets; empty if there is none.
std::string ErrorCodeOf(std::string_view json) {
  const auto code = StringOf(json);
  const auto is_plain = [](char c) { return base::IsUnreserved(c) || c == ' '; };
  if (!code || code->empty() || code->size() > kMaxErrorCode ||
      !std::all_of(code->begin(), code->end(), is_plain)) {
    return {};
  }
  return " (" + *code + ')';
}

// The same without knowledge where its secrets come from, which == would compare.
OAuth2Identity WithPlainSecrets(OAuth2Identity identity) {
  const auto make_plain = [](base::Secret& secret) { secret = base::Secret(secret.Reveal()); };
  for (base::Secret* secret :
       {&identity.client.token_url, &identity.client.client_id, &identity.client.client_secret,
        &identity.tls.key_password, &identity.proxy.user, &identity.proxy.password}) {
    make_plain(*secret);
  }
  for (auto& [name, value] : identity.client.parameters) make_plain(value);
  identity.client.host_is_secret = false;
  return identity;
}

// An `assertion`, and a `client_assertion` without a client id, say who the client is.
OAuth2Identity WithoutSecret(OAuth2Identity identity) {
  config::OAuth2Config& client = identity.client;
  const bool is_named = !client.client_id.Reveal().empty() ||
                        std::any_of(client.parameters.begin(), client.parameters.end(),
                                    [](const auto& each) { return each.first == "client_id"; });
  client.client_secret = {};
  for (auto& [name, value] : client.parameters) {
    if (name == "client_secret" || (name == "client_assertion" && is_named)) value = {};
  }
  return identity;
}

class OAuth2Flow final : public TokenFlow {
 public:
  explicit OAuth2Flow(const OAuth2Identity& identity)
      : client_(identity.client), destination_(MakeTokenDestination(identity)) {}

  Step Begin(base::WallTime) override { return Send{destination_, BuildTokenRequest(client_)}; }
  Step OnResponse(const delivery::Response& response, base::WallTime now) override {
    auto obtained = ParseTokenResponse(response, client_.token_property);
    if (!obtained) return Failed{std::move(obtained.error())};
    if (!obtained->lifetime) obtained->claimed_lifetime = ClaimedLifetime(obtained->token, now);
    return std::move(*obtained);
  }

 private:
  const config::OAuth2Config client_;
  const std::shared_ptr<const task::Destination> destination_;
};

}  // namespace

bool OAuth2Identity::operator==(const OAuth2Identity& other) const {
  const OAuth2Identity a = WithPlainSecrets(*this);
  const OAuth2Identity b = WithPlainSecrets(other);
  return a.client == b.client && a.tls == b.tls && a.proxy == b.proxy;
}

bool IsSameClient(const OAuth2Identity& a, const OAuth2Identity& b) {
  return WithoutSecret(a) == WithoutSecret(b);
}

OAuth2Identity IdentityOf(const config::EndpointConfig& endpoint) {
  return {endpoint.auth.oauth2, endpoint.tls, endpoint.proxy};
}

request::Request BuildTokenRequest(const config::OAuth2Config& client) {
  std::string body;
  const auto add = [&body](std::string_view name, std::string_view value) {
    if (!body.empty()) body += '&';
    body.append(base::PercentEncode(name)).append("=").append(base::PercentEncode(value));
  };
  const auto has = [&client](std::string_view name) {
    return std::any_of(client.parameters.begin(), client.parameters.end(),
                       [name](const auto& parameter) { return parameter.first == name; });
  };
  const std::string& id = client.client_id.Reveal();
  const std::string& secret = client.client_secret.Reveal();
  if (!has("grant_type")) add("grant_type", "client_credentials");
  if (!client.scope.empty() && !has("scope")) add("scope", client.scope);
  std::string credentials;
  switch (client.client_auth) {
    case ClientAuth::kHeader:
      credentials = base::PercentEncode(id) + ':' + base::PercentEncode(secret);
      break;
    case ClientAuth::kHeaderRaw:
      credentials = id + ':' + secret;
      break;
    case ClientAuth::kBody:
      add("client_id", id);
      add("client_secret", secret);
      break;
    case ClientAuth::kNone:
      if (!id.empty() && !has("client_id")) add("client_id", id);
      break;
  }
  for (const auto& [name, value] : client.parameters) add(name, value.Reveal());

  request::Request request;
  request.method = "POST";
  request.target = request::ParseTarget(client.token_url.Reveal()).path;
  request.headers.Add("Content-Type", "application/x-www-form-urlencoded");
  request.headers.Add("Accept", "application/json");
  request.headers.Add("Accept-Encoding", "identity");
  request.headers.Add("User-Agent", "kafka-http-sink/" KHS_VERSION);
  if (!credentials.empty()) {
    request.headers.Add("Authorization", {"Basic ", base::Base64Encode(credentials)});
  }
  request.body = std::move(body);
  return request;
}

std::optional<std::chrono::milliseconds> ClaimedLifetime(std::string_view token,
                                                         base::WallTime now) {
  const size_t begin = token.find('.');
  const size_t end = token.rfind('.');
  if (begin == end) return std::nullopt;  // none or one
  std::string payload(token.substr(begin + 1, end - begin - 1));
  std::replace(payload.begin(), payload.end(), '-', '+');
  std::replace(payload.begin(), payload.end(), '_', '/');
  payload.append((4 - payload.size() % 4) % 4, '=');
  const auto json = base::Base64Decode(payload);
  if (!json) return std::nullopt;
  const std::array<base::JsonPath, 1> path{base::JsonPath{"exp"}};
  const auto found = base::FindInJson(*json, path);
  const auto since_epoch = found ? SecondsOf((*found)[0], kLatestTime) : std::nullopt;
  if (!since_epoch) return std::nullopt;
  const auto lifetime =
      std::chrono::floor<std::chrono::milliseconds>(base::WallTime(*since_epoch) - now);
  // Clocks differ, so a token that seems to have expired may be good.
  return lifetime.count() > 0 ? std::optional(lifetime) : std::nullopt;
}

base::Expected<TokenFlow::Obtained, std::string> ParseTokenResponse(
    const delivery::Response& response, const std::string& property) {
  const std::array<base::JsonPath, 3> paths{base::JsonPath{property}, base::JsonPath{"expires_in"},
                                            base::JsonPath{"error"}};
  const auto found = base::FindInJson(response.body, paths);
  if (response.status < 200 || response.status > 299) {
    return Unexpected(
        fmt::format("HTTP {}{}", response.status, found ? ErrorCodeOf((*found)[2]) : ""));
  }
  if (!found || response.body.size() > delivery::kMaxIndicatorBody) {
    return Unexpected("the answer is not JSON of at most 64 KiB");
  }
  auto token = StringOf((*found)[0]);
  if (!token || token->empty()) {
    return Unexpected(
        fmt::format("the answer has no text \"{}\"{}", property, ErrorCodeOf((*found)[2])));
  }
  if (!base::IsFieldValue(*token)) return Unexpected("the token has control characters");
  return TokenFlow::Obtained{std::move(*token), SecondsOf((*found)[1], kLongestLifetime)};
}

std::shared_ptr<const task::Destination> MakeTokenDestination(const OAuth2Identity& identity) {
  config::EndpointConfig endpoint;
  endpoint.url = identity.client.token_url;
  endpoint.host_is_secret = identity.client.host_is_secret;
  endpoint.connect_timeout = kConnectTimeout;
  endpoint.read_timeout = kReadTimeout;
  endpoint.tls = identity.tls;
  endpoint.proxy = identity.proxy;
  endpoint.proxy.always_tunnels = true;
  return http::MakeDestination(endpoint, nullptr);
}

std::unique_ptr<TokenFlow> MakeOAuth2Flow(const OAuth2Identity& identity) {
  return std::make_unique<OAuth2Flow>(identity);
}

}  // namespace khs::auth
