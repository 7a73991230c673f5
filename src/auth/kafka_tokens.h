#pragma once

#include <memory>
#include <utility>

#include "auth/msk_flow.h"
#include "auth/token_service.h"
#include "base/clock.h"
#include "kafka/oauth.h"

namespace khs::auth {

// Supplies Kafka clients with the tokens of a service, which it shares with the endpoints. Owned by
// the command `run`; any thread.
class KafkaTokens final : public kafka::OAuthTokens {
 public:
  // What is passed by reference outlives it.
  KafkaTokens(TokenService& service, const base::Clock& clock, AwsSettings aws)
      : service_(service), clock_(clock), aws_(std::move(aws)) {}

  std::unique_ptr<Subscription> Subscribe(const kafka::OAuthSettings& settings,
                                          UseToken use) override;

 private:
  std::shared_ptr<TokenSource> SourceOf(const kafka::OAuthSettings& settings) const;

  TokenService& service_;
  const base::Clock& clock_;
  const AwsSettings aws_;
};

}  // namespace khs::auth
