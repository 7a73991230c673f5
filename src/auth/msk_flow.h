#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "auth/aws_signature.h"
#include "auth/token_flow.h"
#include "base/secret.h"

namespace khs::auth {

// Where the process finds its credentials of AWS, by the variables of AWS's own SDKs. The first of
// these that is set counts; without any it asks the EC2 instance.
struct AwsSettings {
  std::string region = {};                // AWS_REGION or AWS_DEFAULT_REGION
  AwsCredentials keys = {};               // AWS_ACCESS_KEY_ID and so on
  std::string role = {};                  // AWS_ROLE_ARN, assumed with
  std::string role_token_file = {};       // AWS_WEB_IDENTITY_TOKEN_FILE
  std::string role_session = {};          // AWS_ROLE_SESSION_NAME
  std::string sts_url = {};               // AWS_ENDPOINT_URL_STS; empty: the region's
  std::string container_url = {};         // AWS_CONTAINER_CREDENTIALS_FULL_URI, or the relative one
  base::Secret container_token = {};      // AWS_CONTAINER_AUTHORIZATION_TOKEN
  std::string container_token_file = {};  // AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE
  std::string instance_url = {};          // AWS_EC2_METADATA_SERVICE_ENDPOINT
};

AwsSettings ReadAwsSettings(const std::map<std::string, std::string>& environment);

// Tokens of Amazon MSK with IAM are the same for one region.
struct MskIdentity {
  std::string region;
  AwsSettings aws;

  bool operator==(const MskIdentity& other) const { return region == other.region; }
};

// Makes a URL's destination; throws std::runtime_error.
using MakeUrlDestination =
    std::function<std::shared_ptr<const task::Destination>(const std::string& url)>;

// Signs tokens with the process's credentials, which it gets anew for each of them.
std::unique_ptr<TokenFlow> MakeMskFlow(const MskIdentity& identity,
                                       const MakeUrlDestination& destination_of);
std::unique_ptr<TokenFlow> MakeMskFlow(const MskIdentity& identity);

}  // namespace khs::auth
