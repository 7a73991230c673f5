#include "app/tokens.h"

#include <memory>
#include <utility>

#include "http/endpoint_client.h"

namespace khs::app {

Tokens::Tokens(const base::Clock& clock, metrics::Registry& registry,
               const std::map<std::string, std::string>& environment,
               std::vector<base::AddressRange> disallowed)
    : service_(
          [&clock, disallowed = std::move(disallowed)] {
            return std::make_unique<http::EndpointClient>("", clock, disallowed);
          },
          clock, registry),
      kafka_(service_, clock, auth::ReadAwsSettings(environment)) {
  kafka::SetOAuthTokens(&kafka_);
}

Tokens::~Tokens() { kafka::SetOAuthTokens(nullptr); }

}  // namespace khs::app
