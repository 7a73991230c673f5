#include "kafka/oauth.h"

#include <algorithm>
#include <array>
#include <exception>
#include <map>
#include <mutex>
#include <stdexcept>

#include "base/header_syntax.h"
#include "kafka/client_log.h"
#include "kafka/configuration.h"

namespace khs::kafka {
namespace {

using Method = OAuthSettings::Method;

constexpr std::string_view kMethod = "sasl.oauthbearer.method";
constexpr std::string_view kUrl = "sasl.oauthbearer.token.endpoint.url";
constexpr std::string_view kClientId = "sasl.oauthbearer.client.id";
constexpr std::string_view kClientSecret = "sasl.oauthbearer.client.secret";
constexpr std::string_view kScope = "sasl.oauthbearer.scope";
constexpr std::string_view kExtensions = "sasl.oauthbearer.extensions";
constexpr std::string_view kRegion = "sasl.oauthbearer.aws.region";
constexpr std::string_view kCa = "https.ca.location";
constexpr std::array kProperties{kMethod, kUrl,        kClientId, kClientSecret,
                                 kScope,  kExtensions, kRegion,   kCa};

// The clients that are being supplied. One for the process, like the supply itself.
struct Supply {
  std::mutex mutex;  // guards what follows
  OAuthTokens* tokens = nullptr;
  std::map<rd_kafka_t*, std::unique_ptr<OAuthTokens::Subscription>> clients;
};

Supply& TheSupply() {
  static Supply supply;
  return supply;
}

std::string Find(const Properties& properties, std::string_view name) {
  const auto found = properties.find(std::string(name));
  return found == properties.end() ? std::string() : found->second.Reveal();
}

base::Secret FindSecret(const Properties& properties, std::string_view name) {
  const auto found = properties.find(std::string(name));
  return found == properties.end() ? base::Secret() : found->second;
}

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsVisible(char c) { return c > 0x20 && c < 0x7f; }

// Parses "NAME=VALUE,NAME=VALUE", where names have letters only (RFC 7628, 3.1).
std::vector<std::pair<std::string, std::string>> ParseExtensions(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> extensions;
  while (!text.empty()) {
    const size_t end = std::min(text.find(','), text.size());
    const std::string_view item = base::TrimBlanks(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    const size_t equals = item.find('=');
    const std::string_view name = item.substr(0, equals);
    if (equals == std::string_view::npos || name.empty() ||
        !std::all_of(name.begin(), name.end(), IsLetter)) {
      throw std::runtime_error(std::string(kExtensions) +
                               " must be NAME=VALUE,NAME=VALUE, with letters only in names");
    }
    extensions.emplace_back(name, item.substr(equals + 1));
  }
  return extensions;
}

void SetToken(rd_kafka_t* client, const OAuthSettings& settings, const OAuthToken& token) {
  constexpr std::string_view kRejected = "Kafka client does not accept the OAuth token";
  // librdkafka's message would quote the token.
  if (!std::all_of(token.value.begin(), token.value.end(), IsVisible)) {
    Log().Error(kRejected, {{"error", "it has characters that cannot be in a token"}});
    return;
  }
  std::vector<const char*> extensions;
  for (const auto& [name, value] : settings.extensions) {
    extensions.push_back(name.c_str());
    extensions.push_back(value.c_str());
  }
  const auto expires =
      std::chrono::floor<std::chrono::milliseconds>(token.expires.time_since_epoch());
  const std::string& id = settings.client_id.Reveal();
  std::array<char, 512> error{};
  const auto code = rd_kafka_oauthbearer_set_token(
      client, token.value.c_str(), expires.count(), id.empty() ? "kafka-http-sink" : id.c_str(),
      extensions.data(), extensions.size(), error.data(), error.size());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    Log().Error(kRejected, {{"error", error.data()}});
  }
}

// librdkafka asks for a token when it wants one. It gets each as soon as there is one, and needs
// not ask.
void OnRefresh(rd_kafka_t*, const char*, void*) noexcept {}

}  // namespace

std::optional<OAuthSettings> ReadOAuthSettings(const Properties& properties) {
  if (!base::EqualIgnoringCase(base::TrimBlanks(Find(properties, "sasl.mechanism")),
                               "OAUTHBEARER")) {
    return std::nullopt;
  }
  // librdkafka then makes tokens itself. Definitions cannot say so.
  if (properties.contains("enable.sasl.oauthbearer.unsecure.jwt")) return std::nullopt;
  OAuthSettings settings;
  settings.extensions = ParseExtensions(Find(properties, kExtensions));
  const std::string method = Find(properties, kMethod);
  if (base::EqualIgnoringCase(method, "aws_msk_iam")) {
    settings.method = Method::kMskIam;
    settings.region = Find(properties, kRegion);
    return settings;
  }
  for (const std::string_view needed : {kUrl, kClientId, kClientSecret}) {
    if (Find(properties, needed).empty()) {
      throw std::runtime_error("sasl.mechanism=OAUTHBEARER needs " + std::string(needed) + ", or " +
                               std::string(kMethod) + "=aws_msk_iam");
    }
  }
  settings.token_url = Find(properties, kUrl);
  settings.token_url_is_secret = FindSecret(properties, kUrl).is_from_reference();
  settings.client_id = FindSecret(properties, kClientId);
  settings.client_secret = FindSecret(properties, kClientSecret);
  settings.scope = Find(properties, kScope);
  settings.ca_location = Find(properties, kCa);
  return settings;
}

bool IsOAuthProperty(std::string_view property) {
  return std::find(kProperties.begin(), kProperties.end(), property) != kProperties.end();
}

void SetOAuthTokens(OAuthTokens* tokens) {
  Supply& supply = TheSupply();
  const std::lock_guard lock(supply.mutex);
  supply.tokens = tokens;
}

void InstallOAuth(rd_kafka_conf_t* conf, const Properties& properties) {
  if (!ReadOAuthSettings(properties)) return;
  rd_kafka_conf_set_oauthbearer_token_refresh_cb(conf, OnRefresh);
}

void StartTokens(rd_kafka_t* client, const Properties& properties) {
  const auto settings = ReadOAuthSettings(properties);
  if (!settings) return;
  Supply& supply = TheSupply();
  const std::lock_guard lock(supply.mutex);
  if (supply.tokens == nullptr) return;
  auto subscription =
      supply.tokens->Subscribe(*settings, [client, settings = *settings](const OAuthToken& token) {
        SetToken(client, settings, token);
      });
  // A previous subscription ends after this one has begun, so that it stays if there is an error.
  std::swap(supply.clients[client], subscription);
}

void OnClientError(rd_kafka_t* client, rd_kafka_resp_err_t code) noexcept {
  if (code != RD_KAFKA_RESP_ERR__AUTHENTICATION &&
      code != RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED) {
    return;
  }
  Supply& supply = TheSupply();
  const std::lock_guard lock(supply.mutex);
  const auto found = supply.clients.find(client);
  if (found != supply.clients.end()) found->second->OnRefused();
}

void StopTokens(rd_kafka_t* client) noexcept {
  Supply& supply = TheSupply();
  const std::lock_guard lock(supply.mutex);
  supply.clients.erase(client);
}

void ReplaceCredentials(Properties& properties, const task::Credentials& credentials) {
  const bool by_token = ReadOAuthSettings(properties).has_value();
  properties[by_token ? std::string(kClientId) : "sasl.username"] = credentials.username;
  properties[by_token ? std::string(kClientSecret) : "sasl.password"] = credentials.password;
}

std::string RenewCredentials(rd_kafka_t* client, const Properties& properties) {
  try {
    if (ReadOAuthSettings(properties)) {
      StartTokens(client, properties);
      return {};
    }
    const ErrorHandle failed(
        rd_kafka_sasl_set_credentials(client, Find(properties, "sasl.username").c_str(),
                                      Find(properties, "sasl.password").c_str()));
    return failed ? rd_kafka_error_string(failed.get()) : std::string();
  } catch (const std::exception& error) {
    return error.what();
  }
}

void DestroyClient(rd_kafka_t* client) noexcept {
  StopTokens(client);
  rd_kafka_destroy(client);
}

}  // namespace khs::kafka
