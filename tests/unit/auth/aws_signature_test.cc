#include "auth/aws_signature.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/encoding.h"

namespace khs::auth {
namespace {

const base::WallTime kNow{std::chrono::seconds(1'700'000'000)};

// Decodes base64url without padding.
std::string Decoded(std::string text) {
  std::replace(text.begin(), text.end(), '-', '+');
  std::replace(text.begin(), text.end(), '_', '/');
  while (text.size() % 4 != 0) text += '=';
  return base::Base64Decode(text).value_or("not base64");
}

// The signatures are those of another implementation.
TEST(AwsSignature, SignsATokenForTheBrokers) {
  const AwsCredentials keys{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"};
  const std::string token = MakeMskToken(keys, "eu-west-1", "kafka-http-sink", kNow);
  EXPECT_EQ(Decoded(token),
            "https://kafka.eu-west-1.amazonaws.com/?Action=kafka-cluster%3AConnect"
            "&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20231114%2Feu-west-1"
            "%2Fkafka-cluster%2Faws4_request&X-Amz-Date=20231114T221320Z&X-Amz-Expires=900"
            "&X-Amz-SignedHeaders=host"
            "&X-Amz-Signature=26794ad200e10e2e7b4c6228b6953ca4aaa8dfc38515ae16882689fcb5f066a9"
            "&User-Agent=kafka-http-sink");
}

TEST(AwsSignature, SignsTheTokenOfASession) {
  const AwsCredentials keys{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                            "IQoJ/b3Jp+Z2lu=="};
  const std::string url = Decoded(MakeMskToken(keys, "eu-west-1", "kafka-http-sink", kNow));
  EXPECT_NE(url.find("&X-Amz-Security-Token=IQoJ%2Fb3Jp%2BZ2lu%3D%3D&X-Amz-SignedHeaders=host"
                     "&X-Amz-Signature="
                     "9e75ba6d4e2ff160991e69ea892f275e0942a82fc9b9e75676500a804ff7ac9c"),
            std::string::npos)
      << url;
}

}  // namespace
}  // namespace khs::auth
