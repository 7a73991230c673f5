#include "auth/token_service.h"

#include <gmock/gmock.h>
#include <pthread.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "metrics/registry.h"
#include "unit/auth/fake_transport.h"

namespace khs::auth {
namespace {

using khs::testing::FakeTransport;
using khs::testing::ManualClock;
using khs::testing::TransportLog;
using std::chrono::seconds;
using ::testing::HasSubstr;

delivery::Response Issue(const std::string& token, int expires_in) {
  return {200,
          {},
          R"({"access_token":")" + token + R"(","expires_in":)" + std::to_string(expires_in) + '}'};
}

class TokenServiceTest : public ::testing::Test {
 protected:
  static OAuth2Identity IdentityWith(const std::string& id) {
    OAuth2Identity identity;
    identity.client.token_url = "http://id.example/token";
    identity.client.client_id = id;
    identity.client.client_secret = "s";
    return identity;
  }
  static std::string TokenOf(TokenSource& source) {
    const TokenState::Answer answer = source.Use();
    const auto* token = std::get_if<Token>(&answer);
    return token != nullptr ? token->value : "";
  }
  // Waits until the service has published it.
  bool AwaitToken(TokenSource& source, const std::string& token) {
    for (int looks = 0; looks < 1000; ++looks) {
      if (TokenOf(source) == token) return true;
      if (!log_.LookAgain()) return false;
    }
    return false;
  }

  TransportLog log_;  // outlives the service
  ManualClock clock_;
  metrics::Registry registry_{{"1", "r", "2"}};
  TokenService service_{[this] { return std::make_unique<FakeTransport>(log_, true); }, clock_,
                        registry_};
};

TEST_F(TokenServiceTest, StartsNothingWithoutAnIdentity) {
  EXPECT_EQ(log_.CountSent(), 0u);
  EXPECT_THAT(registry_.Render(), HasSubstr("token_requests_total{outcome=\"ok\"} 0"));
}

TEST_F(TokenServiceTest, RequestsNothingBeforeATokenIsUsed) {
  const auto source = service_.Get(IdentityWith("a"));
  ASSERT_TRUE(log_.LookAgain());
  EXPECT_EQ(log_.CountSent(), 0u);
}

TEST_F(TokenServiceTest, RequestsOneTokenForAllThatHaveTheSameIdentity) {
  std::vector<std::shared_ptr<TokenSource>> sources;
  for (int i = 0; i < 20; ++i) {
    sources.push_back(service_.Get(IdentityWith("a")));
    EXPECT_EQ(TokenOf(*sources.back()), "");
  }
  ASSERT_TRUE(log_.AwaitSent(1));
  log_.End(0, Issue("t", 100));
  for (const auto& source : sources) EXPECT_TRUE(AwaitToken(*source, "t"));
  EXPECT_EQ(log_.CountSent(), 1u);
}

TEST_F(TokenServiceTest, RequestsATokenForEachIdentity) {
  const auto a = service_.Get(IdentityWith("a"));
  const auto b = service_.Get(IdentityWith("b"));
  EXPECT_NE(a, b);
  TokenOf(*a);
  ASSERT_TRUE(log_.AwaitSent(1));
  TokenOf(*b);
  ASSERT_TRUE(log_.AwaitSent(2));
  log_.End(1, Issue("of b", 100));
  log_.End(0, Issue("of a", 100));
  EXPECT_TRUE(AwaitToken(*a, "of a"));
  EXPECT_TRUE(AwaitToken(*b, "of b"));
}

TEST_F(TokenServiceTest, RenewsATokenBeforeItExpires) {
  const auto source = service_.Get(IdentityWith("a"));
  TokenOf(*source);
  ASSERT_TRUE(log_.AwaitSent(1));
  log_.End(0, Issue("first", 100));
  ASSERT_TRUE(AwaitToken(*source, "first"));
  clock_.Advance(seconds(79));
  ASSERT_TRUE(log_.LookAgain());
  EXPECT_EQ(log_.CountSent(), 1u);
  clock_.Advance(seconds(1));
  ASSERT_TRUE(log_.LookAgain());
  ASSERT_TRUE(log_.AwaitSent(2));
  EXPECT_EQ(TokenOf(*source), "first");
  log_.End(0, Issue("second", 100));
  EXPECT_TRUE(AwaitToken(*source, "second"));
  EXPECT_THAT(registry_.Render(), HasSubstr("token_requests_total{outcome=\"ok\"} 2"));
}

TEST_F(TokenServiceTest, RepeatsAFailedRequestLater) {
  const auto source = service_.Get(IdentityWith("a"));
  TokenOf(*source);
  ASSERT_TRUE(log_.AwaitSent(1));
  log_.End(0, delivery::RequestFault{delivery::FaultKind::kConnect, "refused"});
  ASSERT_TRUE(log_.LookAgain());
  const TokenState::Answer answer = source->Use();
  const auto* none = std::get_if<TokenState::Unavailable>(&answer);
  ASSERT_NE(none, nullptr);
  EXPECT_EQ(none->why, "refused");
  EXPECT_EQ(log_.CountSent(), 1u);
  clock_.Advance(seconds(1));
  ASSERT_TRUE(log_.LookAgain());
  ASSERT_TRUE(log_.AwaitSent(2));
  log_.End(0, delivery::Response{503});
  ASSERT_TRUE(log_.LookAgain());
  clock_.Advance(seconds(2));
  ASSERT_TRUE(log_.LookAgain());
  ASSERT_TRUE(log_.AwaitSent(3));
  log_.End(0, Issue("t", 100));
  EXPECT_TRUE(AwaitToken(*source, "t"));
  EXPECT_THAT(registry_.Render(), HasSubstr("token_requests_total{outcome=\"failed\"} 2"));
}

TEST_F(TokenServiceTest, ShowsWhenTheFirstTokenExpires) {
  EXPECT_THAT(registry_.Render(), HasSubstr("token_expiry_timestamp_seconds 0\n"));
  const auto source = service_.Get(IdentityWith("a"));
  TokenOf(*source);
  ASSERT_TRUE(log_.AwaitSent(1));
  log_.End(0, Issue("t", 100));
  ASSERT_TRUE(AwaitToken(*source, "t"));
  ASSERT_TRUE(log_.LookAgain());
  EXPECT_THAT(registry_.Render(), HasSubstr("token_expiry_timestamp_seconds 1700000100\n"));
}

TEST_F(TokenServiceTest, KeepsATokenThatNobodyHoldsUntilItExpires) {
  auto source = service_.Get(IdentityWith("a"));
  TokenOf(*source);
  ASSERT_TRUE(log_.AwaitSent(1));
  log_.End(0, Issue("t", 100));
  ASSERT_TRUE(AwaitToken(*source, "t"));
  source.reset();
  clock_.Advance(seconds(99));
  ASSERT_TRUE(log_.LookAgain());
  EXPECT_EQ(log_.CountSent(), 1u) << "it is not renewed";
  source = service_.Get(IdentityWith("a"));
  EXPECT_EQ(TokenOf(*source), "t");
  EXPECT_TRUE(log_.AwaitSent(2)) << "it is renewed again";
  log_.End(0, Issue("u", 100));
  ASSERT_TRUE(AwaitToken(*source, "u"));
  source.reset();
  clock_.Advance(seconds(100));
  ASSERT_TRUE(log_.LookAgain());
  source = service_.Get(IdentityWith("a"));
  EXPECT_EQ(TokenOf(*source), "");
}

TEST_F(TokenServiceTest, KeepsTheBackoffOfASourceThatNobodyHolds) {
  auto source = service_.Get(IdentityWith("a"));
  TokenOf(*source);
  for (int failures = 1; failures <= 3; ++failures) {
    ASSERT_TRUE(log_.AwaitSent(failures));
    log_.End(0, delivery::Response{503});
    ASSERT_TRUE(log_.LookAgain());
    source.reset();
    ASSERT_TRUE(log_.LookAgain());
    source = service_.Get(IdentityWith("a"));
    EXPECT_EQ(source->failures(), failures);
    const TokenState::Answer answer = source->Use();
    EXPECT_TRUE(std::holds_alternative<TokenState::Unavailable>(answer));
    clock_.Advance(seconds(failures == 1 ? 1 : 2 * (failures - 1)));
    ASSERT_TRUE(log_.LookAgain());
  }
}

TEST_F(TokenServiceTest, ComparesSecretsByTheirTexts) {
  OAuth2Identity referred = IdentityWith("a");
  referred.client.client_secret = base::Secret::FromReference("s");
  referred.client.token_url = base::Secret::FromReference("http://id.example/token");
  referred.client.host_is_secret = true;
  EXPECT_EQ(service_.Get(IdentityWith("a")), service_.Get(referred));
  referred.client.client_secret = "other";
  EXPECT_NE(service_.Get(IdentityWith("a")), service_.Get(referred));
}

TEST_F(TokenServiceTest, UsesTheTokenOfTheOldSecretUntilThereIsOneOfTheNew) {
  OAuth2Identity identity = IdentityWith("a");
  identity.client.parameters = {{"client_assertion", "j.w.t"}, {"audience", "x"}};
  const auto old = service_.Get(identity);
  TokenOf(*old);
  ASSERT_TRUE(log_.AwaitSent(1));
  log_.End(0, Issue("old", 100));
  ASSERT_TRUE(AwaitToken(*old, "old"));
  identity.client.client_secret = "new";
  identity.client.parameters[0].second = "k.x.u";
  const auto source = service_.Get(identity, old.get());
  EXPECT_NE(source, old);
  EXPECT_EQ(TokenOf(*source), "old");
  ASSERT_TRUE(log_.AwaitSent(2)) << "another one is requested at once";
  EXPECT_EQ(TokenOf(*source), "old");
  log_.End(0, Issue("new", 100));
  EXPECT_TRUE(AwaitToken(*source, "new"));
  identity.client.parameters.emplace_back("assertion", "of one account");
  const auto first = service_.Get(identity, source.get());
  identity.client.parameters[2].second = "of another account";
  EXPECT_EQ(TokenOf(*service_.Get(identity, first.get())), "") << "another client";
  identity.client.parameters.pop_back();
  identity.client.parameters[1].second = "y";
  EXPECT_EQ(TokenOf(*service_.Get(identity, source.get())), "") << "another client";
  EXPECT_EQ(TokenOf(*service_.Get(IdentityWith("b"), source.get())), "");
}

TEST_F(TokenServiceTest, BacksOffWhenTokensHaveExpiredWhenTheyCome) {
  const auto source = service_.Get(IdentityWith("a"));
  TokenOf(*source);
  ASSERT_TRUE(log_.AwaitSent(1));
  log_.End(0, Issue("t", 0));
  ASSERT_TRUE(log_.LookAgain());
  EXPECT_EQ(log_.CountSent(), 1u);
  const TokenState::Answer answer = source->Use();
  const auto* none = std::get_if<TokenState::Unavailable>(&answer);
  ASSERT_NE(none, nullptr);
  EXPECT_EQ(none->why, "the token had expired when it came");
  EXPECT_THAT(registry_.Render(), HasSubstr("token_requests_total{outcome=\"failed\"} 1"));
}

TEST_F(TokenServiceTest, TriesAgainToStartItsThread) {
  pthread_attr_t usual;
  ASSERT_EQ(pthread_getattr_default_np(&usual), 0);
  pthread_attr_t impossible;
  pthread_attr_init(&impossible);
  ASSERT_EQ(pthread_attr_setstacksize(&impossible, size_t{1} << 50), 0);
  ASSERT_EQ(pthread_setattr_default_np(&impossible), 0);
  EXPECT_THROW(service_.Get(IdentityWith("a")), std::system_error);
  pthread_setattr_default_np(&usual);
  const auto source = service_.Get(IdentityWith("a"));
  TokenOf(*source);
  EXPECT_TRUE(log_.AwaitSent(1));
}

TEST_F(TokenServiceTest, NamesTheUrlOrFileThatItCannotUse) {
  OAuth2Identity identity = IdentityWith("a");
  identity.client.token_url = "https://id.example/token";
  identity.tls.ca_location = "/nowhere/ca.pem";
  EXPECT_THROW(service_.Get(identity), std::runtime_error);
}

}  // namespace
}  // namespace khs::auth
