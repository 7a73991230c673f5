#include "kafka/oauth.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "kafka/configuration.h"

namespace khs::kafka {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

Properties Oidc() {
  return {{"bootstrap.servers", "127.0.0.1:1"},
          {"security.protocol", "SASL_PLAINTEXT"},
          {"sasl.mechanism", "OAUTHBEARER"},
          {"sasl.oauthbearer.method", "oidc"},
          {"sasl.oauthbearer.token.endpoint.url", "https://id.example/token"},
          {"sasl.oauthbearer.client.id", "sink"},
          {"sasl.oauthbearer.client.secret", "s3cret"},
          {"sasl.oauthbearer.scope", "a b"},
          {"sasl.oauthbearer.extensions", "logicalCluster=lkc-1, pool=p=1"},
          {"https.ca.location", "/etc/hosts"}};
}

// Supplies a token at once, and remembers the clients.
class FakeTokens final : public OAuthTokens {
 public:
  FakeTokens() { SetOAuthTokens(this); }
  ~FakeTokens() override { SetOAuthTokens(nullptr); }
  FakeTokens(const FakeTokens&) = delete;
  FakeTokens& operator=(const FakeTokens&) = delete;

  std::unique_ptr<Subscription> Subscribe(const OAuthSettings& settings, UseToken use) override {
    if (fails) throw std::runtime_error("unusable");
    asked.push_back(settings);
    use({"token", std::chrono::system_clock::now() + std::chrono::hours(1)});
    return std::make_unique<Counted>(*this);
  }

  bool fails = false;
  int subscribed = 0;
  int most = 0;  // subscribed at a time
  int refused = 0;
  std::vector<OAuthSettings> asked;

 private:
  class Counted final : public Subscription {
   public:
    explicit Counted(FakeTokens& tokens) : tokens_(tokens) {
      ++tokens_.subscribed;
      tokens_.most = std::max(tokens_.most, tokens_.subscribed);
    }
    ~Counted() override { --tokens_.subscribed; }
    void OnRefused() noexcept override { ++tokens_.refused; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;

   private:
    FakeTokens& tokens_;
  };
};

TEST(OAuthSettings, AreReadFromTheProperties) {
  const auto settings = ReadOAuthSettings(Oidc());
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->method, OAuthSettings::Method::kOidc);
  EXPECT_EQ(settings->token_url, "https://id.example/token");
  EXPECT_EQ(settings->client_id, "sink");
  EXPECT_EQ(settings->client_secret, "s3cret");
  EXPECT_EQ(settings->scope, "a b");
  EXPECT_FALSE(settings->token_url_is_secret);
  EXPECT_EQ(settings->ca_location, "/etc/hosts");
  EXPECT_THAT(settings->extensions,
              ElementsAre(Pair("logicalCluster", "lkc-1"), Pair("pool", "p=1")));
  const auto msk = ReadOAuthSettings({{"sasl.mechanism", "oauthbearer"},
                                      {"sasl.oauthbearer.method", "AWS_MSK_IAM"},
                                      {"sasl.oauthbearer.aws.region", "eu-west-1"}});
  ASSERT_TRUE(msk);
  EXPECT_EQ(msk->method, OAuthSettings::Method::kMskIam);
  EXPECT_EQ(msk->region, "eu-west-1");
}

TEST(OAuthSettings, KnowWhetherTheUrlIsASecret) {
  Properties properties = Oidc();
  base::Secret& url = properties["sasl.oauthbearer.token.endpoint.url"];
  url = base::Secret::FromReference(url.Reveal());
  EXPECT_TRUE(ReadOAuthSettings(properties)->token_url_is_secret);
}

TEST(OAuthSettings, NeedTheFileOfTheAuthority) {
  Properties properties = Oidc();
  properties["https.ca.location"] = "/nowhere/ca.pem";
  const auto problems = CheckProperties(properties);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].property, "https.ca.location");
  EXPECT_EQ(problems[0].message, "cannot use /nowhere/ca.pem: no such file");
}

TEST(OAuthSettings, AreThoseOfOneMechanism) {
  EXPECT_FALSE(ReadOAuthSettings({}));
  EXPECT_FALSE(ReadOAuthSettings({{"sasl.mechanism", "PLAIN"}}));
}

TEST(OAuthSettings, NameThePropertyThatIsMissingOrInvalid) {
  for (const std::string name : {"sasl.oauthbearer.token.endpoint.url",
                                 "sasl.oauthbearer.client.id", "sasl.oauthbearer.client.secret"}) {
    Properties properties = Oidc();
    properties.erase(name);
    EXPECT_THAT(TryClient(properties).value_or(""), HasSubstr(name));
  }
  for (const char* extensions : {"pool", "=x", "pool-id=x", "a=1,,"}) {
    Properties properties = Oidc();
    properties["sasl.oauthbearer.extensions"] = extensions;
    EXPECT_THAT(TryClient(properties).value_or(""), HasSubstr("sasl.oauthbearer.extensions"))
        << extensions;
  }
}

TEST(OAuthSettings, AreNotGivenToLibrdkafka) {
  EXPECT_THAT(CheckProperties(Oidc()), IsEmpty());
  EXPECT_EQ(TryClient(Oidc()), std::nullopt);
}

TEST(OAuthTokens, AreSuppliedAsLongAsAClientExists) {
  FakeTokens tokens;
  const ClientLogContext log_context({}, Oidc());
  {
    const ClientHandle client = NewGrouplessClient(log_context, Oidc());
    EXPECT_EQ(tokens.subscribed, 1);
    EXPECT_THAT(tokens.asked, ElementsAre(*ReadOAuthSettings(Oidc())));
  }
  EXPECT_EQ(tokens.subscribed, 0);
}

TEST(OAuthTokens, AreThoseOfRenewedCredentials) {
  FakeTokens tokens;
  const ClientLogContext log_context({}, Oidc());
  const ClientHandle client = NewGrouplessClient(log_context, Oidc());
  Properties properties = Oidc();
  ReplaceCredentials(properties, {"other", "new"});
  EXPECT_EQ(RenewCredentials(client.get(), properties), "");
  EXPECT_EQ(tokens.subscribed, 1);
  ASSERT_EQ(tokens.asked.size(), 2u);
  EXPECT_EQ(tokens.asked[1].client_id, "other");
  EXPECT_EQ(tokens.asked[1].client_secret, "new");
  EXPECT_EQ(tokens.most, 2) << "the old subscription lasts until the new one has begun";
}

TEST(OAuthTokens, StayThoseOfTheOldCredentialsIfTheNewAreUnusable) {
  FakeTokens tokens;
  const ClientLogContext log_context({}, Oidc());
  const ClientHandle client = NewGrouplessClient(log_context, Oidc());
  tokens.fails = true;
  EXPECT_EQ(RenewCredentials(client.get(), Oidc()), "unusable");
  EXPECT_EQ(tokens.subscribed, 1);
}

TEST(OAuthTokens, AreReplacedWhenABrokerRefusesThem) {
  FakeTokens tokens;
  const ClientLogContext log_context({}, Oidc());
  const ClientHandle client = NewGrouplessClient(log_context, Oidc());
  OnClientError(client.get(), RD_KAFKA_RESP_ERR__TRANSPORT);
  OnClientError(nullptr, RD_KAFKA_RESP_ERR__AUTHENTICATION);
  EXPECT_EQ(tokens.refused, 0);
  OnClientError(client.get(), RD_KAFKA_RESP_ERR__AUTHENTICATION);
  OnClientError(client.get(), RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED);
  EXPECT_EQ(tokens.refused, 2);
}

TEST(OAuthTokens, AreNotAskedForByAClientThatIsOnlyTried) {
  FakeTokens tokens;
  EXPECT_EQ(TryClient(Oidc()), std::nullopt);
  EXPECT_THAT(tokens.asked, IsEmpty());
}

TEST(OAuthTokens, OfUnusableSettingsMakeNoClient) {
  FakeTokens tokens;
  tokens.fails = true;
  const ClientLogContext log_context({}, Oidc());
  EXPECT_THROW(NewGrouplessClient(log_context, Oidc()), std::runtime_error);
}

}  // namespace
}  // namespace khs::kafka
