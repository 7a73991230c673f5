#pragma once

#include <openssl/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "config/connector_config.h"
#include "request/request.h"

namespace khs::request {

// Signs requests with the secrets of a definition. Immutable; owned by Builder.
class Signer {
 public:
  // Throws std::runtime_error that names the configuration key of an unusable secret.
  explicit Signer(const config::SignatureConfig& signature);

  // Appends the headers of the signature to a request that is complete otherwise. `now` is the time
  // of the attempt, which the signature contains.
  void Sign(Request& request, base::WallTime now) const;

 private:
  struct Free {
    void operator()(EVP_MAC_CTX* context) const;
    void operator()(EVP_MD* digest) const;
    void operator()(EVP_PKEY* key) const;
  };
  // One of the two is set.
  struct Key {
    std::unique_ptr<EVP_MAC_CTX, Free> hmac;  // copied for each signature
    std::unique_ptr<EVP_PKEY, Free> ed25519;
  };

  static Key MakeHmacKey(std::string_view bytes);
  static Key MakeEd25519Key(std::string_view bytes);

  void SignAsStandardWebhook(Request& request, const std::string& timestamp) const;
  void SignAsStripe(Request& request, const std::string& timestamp) const;
  std::string WebhookId(const Headers& headers) const;
  // Return the signature of two texts in a row, as bytes.
  static std::string SignWith(const Key& key, std::string_view start, std::string_view rest);
  static std::string Hmac(EVP_MAC_CTX* keyed, std::string_view start, std::string_view rest);
  static std::string Ed25519(EVP_PKEY* key, std::string_view start, std::string_view rest);

  const config::SignatureConfig::Type type_;
  const std::unique_ptr<EVP_MD, Free> sha256_;
  std::vector<Key> keys_;
};

}  // namespace khs::request
