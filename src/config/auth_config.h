#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/secret.h"
#include "delivery/status_codes.h"

namespace khs::config {

// A client of an OAuth 2.0 authorization server that gets tokens by client credentials (RFC 6749,
// 4.4), and how it asks for them.
struct OAuth2Config {
  // How the client authenticates itself, in exactly one place.
  enum class ClientAuth {
    kHeader,     // Basic, with id and secret form-encoded (RFC 6749, 2.3.1)
    kHeaderRaw,  // Basic, with id and secret as they are
    kBody,       // as client_id and client_secret in the body
    kNone,       // only by what `params` say, such as client_assertion
  };

  base::Secret token_url = {};
  bool host_is_secret = false;  // the URL's host and port must not be shown
  base::Secret client_id = {};
  base::Secret client_secret = {};
  std::string scope = {};  // empty: none is sent
  ClientAuth client_auth = ClientAuth::kHeader;
  std::string token_property = "access_token";                        // of the answer
  std::vector<std::pair<std::string, base::Secret>> parameters = {};  // of the request

  bool operator==(const OAuth2Config&) const = default;
};

// How a connector authenticates itself to its endpoint.
struct AuthConfig {
  enum class Type { kNone, kBasic, kBearer, kApiKey, kOAuth2 };

  Type type = Type::kNone;
  // The header with the credentials; empty if there is none. Neither the configured headers nor a
  // record set it.
  std::string header_name = {};
  base::Secret header_value = {};  // of constant credentials
  base::Secret query = {};         // name=value, encoded, for the URL's query; empty: none
  OAuth2Config oauth2 = {};
  // The statuses of the endpoint after which another token is tried.
  delivery::StatusCodes renew_on{{401, 401}};

  bool operator==(const AuthConfig&) const = default;
};

}  // namespace khs::config
