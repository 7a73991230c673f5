#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/secret.h"
#include "kafka/properties.h"

namespace khs::kafka {

// How the OAuth tokens of a client with sasl.mechanism=OAUTHBEARER are obtained, by the properties
// `sasl.oauthbearer.*`. The program obtains them itself, because not every librdkafka can.
struct OAuthSettings {
  enum class Method { kOidc, kMskIam };

  Method method = Method::kOidc;
  std::string token_url = {};        // of kOidc
  bool token_url_is_secret = false;  // its host and port must not be shown
  base::Secret client_id = {};       // of kOidc
  base::Secret client_secret = {};   // of kOidc
  std::string scope = {};            // of kOidc; empty: none
  std::string ca_location = {};      // of the server at token_url; empty: the system's
  std::string region = {};           // of kMskIam; empty: that of the environment
  std::vector<std::pair<std::string, std::string>> extensions = {};  // for the broker

  bool operator==(const OAuthSettings&) const = default;
};

// Returns nothing for another mechanism. Throws std::runtime_error that names the property if the
// settings are incomplete.
std::optional<OAuthSettings> ReadOAuthSettings(const Properties& properties);

// Returns whether a property only says how tokens are obtained. librdkafka does not get those.
bool IsOAuthProperty(std::string_view property);

struct OAuthToken {
  std::string value;
  std::chrono::system_clock::time_point expires;
};

// Supplies tokens. Owned by the command `run`; any thread.
class OAuthTokens {
 public:
  using UseToken = std::function<void(const OAuthToken&)>;
  class Subscription {
   public:
    virtual ~Subscription() = default;
    // Requests another token than the last one, which a broker has refused. Any thread.
    virtual void OnRefused() noexcept = 0;
  };

  virtual ~OAuthTokens() = default;
  // Calls `use` with the current token, if there is one, and with each later one, until the result
  // is destroyed. `use` may be called by any thread and must not block. Throws std::runtime_error
  // when the settings are unusable.
  virtual std::unique_ptr<Subscription> Subscribe(const OAuthSettings& settings, UseToken use) = 0;
};

// Sets what supplies the tokens of all clients of the process; null: nothing, so that clients wait.
// librdkafka has one way for a client, so there is one here. `tokens` must outlive the clients.
void SetOAuthTokens(OAuthTokens* tokens);

}  // namespace khs::kafka
