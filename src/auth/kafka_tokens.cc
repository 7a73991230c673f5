#include "auth/kafka_tokens.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "watch/read_file.h"

namespace khs::auth {
namespace {

// librdkafka wants an expiry. A token without one is valid until it is refused.
constexpr std::chrono::hours kUnknownLifetime{24 * 365};

// One client's subscription. Passes each token on once, the newest last.
class ClientTokens final : public kafka::OAuthTokens::Subscription, private TokenListener {
 public:
  ClientTokens(const std::shared_ptr<TokenSource>& source, const base::Clock& clock,
               kafka::OAuthTokens::UseToken use)
      : clock_(clock), use_(std::move(use)), source_(source), registration_(source, *this) {
    const TokenState::Answer answer = source->Use();
    if (const auto* token = std::get_if<Token>(&answer)) Pass(*token);
  }

 private:
  void OnTokenChange(const std::optional<Token>& token) noexcept override {
    if (token) Pass(*token);
  }

  void OnRefused() noexcept override {
    uint64_t refused = 0;
    {
      const std::lock_guard lock(mutex_);
      refused = last_;
    }
    if (refused > 0) (void)source_->Replace(refused);
  }

  void Pass(const Token& token) noexcept {
    const std::lock_guard lock(mutex_);
    if (token.number <= last_) return;
    const base::Now now = clock_.Read();
    const auto expiry = token.expires ? token.expires : token.claimed_expiry;
    if (expiry && *expiry <= now.monotonic) return;  // librdkafka would refuse it
    last_ = token.number;
    const auto lifetime = expiry ? *expiry - now.monotonic : kUnknownLifetime;
    use_({token.value, now.wall + std::chrono::duration_cast<base::WallTime::duration>(lifetime)});
  }

  const base::Clock& clock_;
  const kafka::OAuthTokens::UseToken use_;
  const std::shared_ptr<TokenSource> source_;
  std::mutex mutex_;  // guards the next member, and the order of the calls
  uint64_t last_ = 0;
  TokenSource::Registration registration_;  // last: it calls this object
};

}  // namespace

std::shared_ptr<TokenSource> KafkaTokens::SourceOf(const kafka::OAuthSettings& settings) const {
  if (settings.method == kafka::OAuthSettings::Method::kMskIam) {
    const std::string& region = settings.region.empty() ? aws_.region : settings.region;
    if (region.empty()) {
      throw std::runtime_error("sasl.oauthbearer.aws.region is needed, or AWS_REGION");
    }
    // It becomes part of hosts' names.
    if (region.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") != std::string::npos) {
      throw std::runtime_error("the AWS region is none: letters, digits and - are expected");
    }
    return service_.Get(MskIdentity{region, aws_});
  }
  OAuth2Identity identity;
  identity.client.token_url = settings.token_url;
  identity.client.client_id = settings.client_id;
  identity.client.client_secret = settings.client_secret;
  identity.client.scope = settings.scope;
  identity.client.host_is_secret = settings.token_url_is_secret;
  identity.tls.ca_location = settings.ca_location;
  // A file that is replaced in place is another authority.
  if (!settings.ca_location.empty()) {
    const auto content = watch::ReadRegularFile(settings.ca_location, watch::kMaxLibraryFileBytes);
    if (content) identity.tls.content = std::hash<std::string_view>()(*content);
  }
  return service_.Get(identity);
}

std::unique_ptr<kafka::OAuthTokens::Subscription> KafkaTokens::Subscribe(
    const kafka::OAuthSettings& settings, UseToken use) {
  return std::make_unique<ClientTokens>(SourceOf(settings), clock_, std::move(use));
}

}  // namespace khs::auth
