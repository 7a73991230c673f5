#include "auth/kafka_tokens.h"

#include <gmock/gmock.h>

#include <condition_variable>
#include <fstream>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/encoding.h"
#include "metrics/registry.h"
#include "unit/auth/fake_transport.h"

namespace khs::auth {
namespace {

using khs::testing::FakeTransport;
using khs::testing::ManualClock;
using khs::testing::TransportLog;
using std::chrono::seconds;

// What a Kafka client was given.
class Received {
 public:
  kafka::OAuthTokens::UseToken Callback() {
    return [this](const kafka::OAuthToken& token) {
      const std::lock_guard lock(mutex_);
      tokens_.push_back(token);
      changed_.notify_all();
    };
  }
  // The tokens once there are so many.
  std::vector<kafka::OAuthToken> Await(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, seconds(30), [&] { return tokens_.size() >= count; });
    return tokens_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<kafka::OAuthToken> tokens_;
};

class KafkaTokensTest : public ::testing::Test {
 protected:
  static kafka::OAuthSettings Oidc() {
    kafka::OAuthSettings settings;
    settings.token_url = "http://id.example/token";
    settings.client_id = "sink";
    settings.client_secret = "s";
    return settings;
  }
  void Issue(size_t request, const std::string& token) {
    ASSERT_TRUE(log_.AwaitSent(request));
    log_.End(
        0, delivery::Response{200, {}, R"({"access_token":")" + token + R"(","expires_in":100})"});
  }

  TransportLog log_;
  ManualClock clock_;
  metrics::Registry registry_{{"1", "r", "2"}};
  TokenService service_{[this] { return std::make_unique<FakeTransport>(log_, true); }, clock_,
                        registry_};
  KafkaTokens tokens_{service_, clock_, {}};
};

TEST_F(KafkaTokensTest, GiveAClientEachToken) {
  Received received;
  const auto subscription = tokens_.Subscribe(Oidc(), received.Callback());
  Issue(1, "first");
  ASSERT_EQ(received.Await(1).size(), 1u);
  EXPECT_EQ(received.Await(1)[0].value, "first");
  EXPECT_EQ(received.Await(1)[0].expires, clock_.Read().wall + seconds(100));
  clock_.Advance(seconds(80));
  ASSERT_TRUE(log_.LookAgain());
  Issue(2, "second");
  ASSERT_EQ(received.Await(2).size(), 2u);
  EXPECT_EQ(received.Await(2)[1].value, "second");
}

TEST_F(KafkaTokensTest, GiveAnotherClientTheSameTokenAtOnce) {
  Received first;
  const auto subscription = tokens_.Subscribe(Oidc(), first.Callback());
  Issue(1, "t");
  ASSERT_EQ(first.Await(1).size(), 1u);
  Received second;
  const auto other = tokens_.Subscribe(Oidc(), second.Callback());
  ASSERT_EQ(second.Await(1).size(), 1u);
  EXPECT_EQ(second.Await(1)[0].value, "t");
  EXPECT_EQ(log_.CountSent(), 1u);
}

TEST_F(KafkaTokensTest, GiveNothingAfterTheSubscription) {
  Received first;
  Received second;
  const auto subscription = tokens_.Subscribe(Oidc(), first.Callback());
  tokens_.Subscribe(Oidc(), second.Callback()).reset();
  Issue(1, "t");
  ASSERT_EQ(first.Await(1).size(), 1u);
  EXPECT_TRUE(second.Await(0).empty());
}

TEST_F(KafkaTokensTest, ReplaceARefusedTokenOnce) {
  Received received;
  const auto first = tokens_.Subscribe(Oidc(), received.Callback());
  const auto second = tokens_.Subscribe(Oidc(), received.Callback());
  first->OnRefused();  // there is none yet
  Issue(1, "t");
  ASSERT_EQ(received.Await(2).size(), 2u);
  clock_.Advance(seconds(10));
  first->OnRefused();
  second->OnRefused();
  first->OnRefused();
  Issue(2, "u");
  ASSERT_EQ(received.Await(4).size(), 4u);
  EXPECT_EQ(received.Await(4)[3].value, "u");
  ASSERT_TRUE(log_.LookAgain());
  EXPECT_EQ(log_.CountSent(), 2u);
}

TEST_F(KafkaTokensTest, ExpireAsAJwtClaimsWithoutExpiresIn) {
  Received received;
  const auto subscription = tokens_.Subscribe(Oidc(), received.Callback());
  ASSERT_TRUE(log_.AwaitSent(1));
  log_.End(0, delivery::Response{200,
                                 {},
                                 R"({"access_token":"e30.)" +
                                     base::Base64Encode(R"({"exp":1700000030})") + R"(.s"})"});
  ASSERT_EQ(received.Await(1).size(), 1u);
  EXPECT_EQ(received.Await(1)[0].expires, clock_.Read().wall + seconds(30));
  clock_.Advance(seconds(24));
  ASSERT_TRUE(log_.LookAgain());
  Issue(2, "opaque");
  EXPECT_EQ(received.Await(2).size(), 2u);
}

TEST_F(KafkaTokensTest, ReadAnAuthorityThatIsReplacedInPlace) {
  kafka::OAuthSettings settings = Oidc();
  settings.ca_location = ::testing::TempDir() + "kafka_tokens_test_ca.pem";
  std::ofstream(settings.ca_location) << "one";
  Received received;
  const auto subscription = tokens_.Subscribe(settings, received.Callback());
  Issue(1, "t");
  std::ofstream(settings.ca_location) << "two";
  const auto other = tokens_.Subscribe(settings, received.Callback());
  Issue(2, "u");
  EXPECT_EQ(received.Await(2).size(), 2u);
}

TEST_F(KafkaTokensTest, HideTheHostOfASecretUrl) {
  kafka::OAuthSettings settings = Oidc();
  settings.token_url_is_secret = true;
  Received received;
  const auto subscription = tokens_.Subscribe(settings, received.Callback());
  ASSERT_TRUE(log_.AwaitSent(1));
  OAuth2Identity identity;
  identity.client.token_url = settings.token_url;
  identity.client.client_id = settings.client_id;
  identity.client.client_secret = settings.client_secret;
  EXPECT_EQ(service_.Get(identity)->label(), "***");
}

TEST_F(KafkaTokensTest, SignTokensForMskWithoutARequest) {
  AwsSettings aws;
  aws.region = "eu-west-1";
  aws.keys = {"A", "S"};
  KafkaTokens tokens(service_, clock_, aws);
  kafka::OAuthSettings settings;
  settings.method = kafka::OAuthSettings::Method::kMskIam;
  Received received;
  const auto subscription = tokens.Subscribe(settings, received.Callback());
  ASSERT_EQ(received.Await(1).size(), 1u);
  EXPECT_EQ(received.Await(1)[0].expires, clock_.Read().wall + seconds(900));
  EXPECT_EQ(log_.CountSent(), 0u);
}

TEST_F(KafkaTokensTest, NeedARegionForMsk) {
  kafka::OAuthSettings settings;
  settings.method = kafka::OAuthSettings::Method::kMskIam;
  EXPECT_THROW((void)tokens_.Subscribe(settings, [](const kafka::OAuthToken&) {}),
               std::runtime_error);
}

}  // namespace
}  // namespace khs::auth
