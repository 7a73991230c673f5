#pragma once

#include <map>
#include <string>
#include <vector>

#include "auth/kafka_tokens.h"
#include "auth/token_service.h"
#include "base/address_range.h"
#include "base/clock.h"
#include "metrics/registry.h"

namespace khs::app {

// The tokens of the process: for endpoints, and for its Kafka clients as long as this exists. Owned
// by a command. Any thread.
class Tokens {
 public:
  // What is passed by reference outlives this. No server or proxy is connected to at a `disallowed`
  // address.
  Tokens(const base::Clock& clock, metrics::Registry& registry,
         const std::map<std::string, std::string>& environment,
         std::vector<base::AddressRange> disallowed);
  ~Tokens();
  Tokens(const Tokens&) = delete;
  Tokens& operator=(const Tokens&) = delete;

  auth::TokenService& service() { return service_; }

 private:
  auth::TokenService service_;
  auth::KafkaTokens kafka_;
};

}  // namespace khs::app
