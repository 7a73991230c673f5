#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/secret.h"

namespace khs::auth {

// Credentials of AWS.
struct AwsCredentials {
  std::string access_key_id;
  base::Secret secret_access_key;
  base::Secret session_token = {};  // empty: those of a user, which last
};

// Returns a token for the brokers of Amazon MSK with IAM: the base64url of a URL that is signed by
// Signature Version 4 and valid for 15 minutes from `now`. `user_agent` is part of it.
std::string MakeMskToken(const AwsCredentials& credentials, std::string_view region,
                         std::string_view user_agent, base::WallTime now);

}  // namespace khs::auth
