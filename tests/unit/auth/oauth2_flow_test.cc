#include "auth/oauth2_flow.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <optional>
#include <string>

#include "base/encoding.h"
#include "http/destination.h"
#include "unit/auth/fake_transport.h"

namespace khs::auth {
namespace {

using khs::testing::HeaderOf;
using ::testing::HasSubstr;
using ClientAuth = config::OAuth2Config::ClientAuth;
using Milliseconds = std::chrono::milliseconds;

config::OAuth2Config Client() {
  config::OAuth2Config client;
  client.token_url = "https://id.example/realms/x/token?tenant=1";
  client.client_id = "a:b";
  client.client_secret = "p w+";
  return client;
}

TEST(OAuth2Flow, SendsCredentialsInExactlyOnePlace) {
  const struct {
    ClientAuth mode;
    std::optional<std::string> authorization;
    std::string body;
  } cases[] = {
      // a%3Ab:p%20w%2B
      {ClientAuth::kHeader, "Basic YSUzQWI6cCUyMHclMkI=", "grant_type=client_credentials"},
      // a:b:p w+
      {ClientAuth::kHeaderRaw, "Basic YTpiOnAgdys=", "grant_type=client_credentials"},
      {ClientAuth::kBody, std::nullopt,
       "grant_type=client_credentials&client_id=a%3Ab&client_secret=p%20w%2B"},
      {ClientAuth::kNone, std::nullopt, "grant_type=client_credentials&client_id=a%3Ab"},
  };
  for (const auto& one : cases) {
    config::OAuth2Config client = Client();
    client.client_auth = one.mode;
    const request::Request request = BuildTokenRequest(client);
    EXPECT_EQ(HeaderOf(request, "Authorization"), one.authorization);
    EXPECT_EQ(request.Body(), one.body);
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.target, "/realms/x/token?tenant=1");
    EXPECT_EQ(HeaderOf(request, "Content-Type"), "application/x-www-form-urlencoded");
  }
}

TEST(OAuth2Flow, AddsScopeAndParameters) {
  config::OAuth2Config client = Client();
  client.scope = "a b";
  client.parameters = {{"audience", "https://x/"}, {"resource", "y&z"}};
  EXPECT_EQ(BuildTokenRequest(client).Body(),
            "grant_type=client_credentials&scope=a%20b&audience=https%3A%2F%2Fx%2F&"
            "resource=y%26z");
}

TEST(OAuth2Flow, LetsParametersOverrideTheGrantType) {
  config::OAuth2Config client = Client();
  client.client_auth = ClientAuth::kNone;
  client.parameters = {{"grant_type", "urn:x"}, {"client_id", "c"}, {"assertion", "j.w.t"}};
  EXPECT_EQ(BuildTokenRequest(client).Body(), "grant_type=urn%3Ax&client_id=c&assertion=j.w.t");
}

TEST(OAuth2Flow, ReadsTheTokenAndItsLifetime) {
  const struct {
    std::string body;
    std::string token;
    std::optional<Milliseconds> lifetime;
  } cases[] = {
      {R"({"access_token":"t","token_type":"Bearer","expires_in":3600})", "t",
       Milliseconds(3'600'000)},
      {R"({"expires_in":"3600","access_token":"t"})", "t", Milliseconds(3'600'000)},
      {R"({"access_token":"t","expires_in":1.5})", "t", Milliseconds(1500)},
      {R"({"access_token":"t"})", "t", std::nullopt},
      {R"({"access_token":"t","expires_in":null})", "t", std::nullopt},
      {R"({"access_token":"t","expires_in":0})", "t", Milliseconds(0)},
      {R"({"access_token":"t","expires_in":-1})", "t", Milliseconds(0)},
      {R"({"access_token":"t","expires_in":"soon"})", "t", std::nullopt},
      {R"({"access_token":"t","expires_in":1e300})", "t", Milliseconds(1'000'000'000'000)},
      {R"( {"access_token":"a\u002Fb"} )", "a/b", std::nullopt},
  };
  for (const auto& one : cases) {
    const auto obtained = ParseTokenResponse({200, {}, one.body}, "access_token");
    ASSERT_TRUE(obtained) << one.body << ": " << obtained.error();
    EXPECT_EQ(obtained->token, one.token) << one.body;
    EXPECT_EQ(obtained->lifetime, one.lifetime) << one.body;
  }
  EXPECT_EQ(
      ParseTokenResponse({200, {}, R"({"access_token":"t","id_token":"u"})"}, "id_token")->token,
      "u");
}

TEST(OAuth2Flow, ReadsWhenAJwtExpires) {
  const base::WallTime now{std::chrono::seconds(1'700'000'000)};
  const auto jwt = [](const std::string& claims) {
    std::string payload = base::Base64Encode(claims);
    while (payload.ends_with('=')) payload.pop_back();
    std::replace(payload.begin(), payload.end(), '+', '-');
    std::replace(payload.begin(), payload.end(), '/', '_');
    return "e30." + payload + ".sig";
  };
  EXPECT_EQ(ClaimedLifetime(jwt(R"({"sub":"~~?>","exp":1700000060})"), now), Milliseconds(60'000));
  EXPECT_EQ(ClaimedLifetime(jwt(R"({"exp":1700000000.5})"), now), Milliseconds(500));
  EXPECT_EQ(ClaimedLifetime(jwt(R"({"exp":1700000000})"), now), std::nullopt);
  EXPECT_EQ(ClaimedLifetime(jwt(R"({"sub":"x"})"), now), std::nullopt);
  for (const char* other : {"", ".", "a.b", "a.b.c", "a.!.c", "..", "opaque"}) {
    EXPECT_EQ(ClaimedLifetime(other, now), std::nullopt) << other;
  }
  const auto flow = MakeOAuth2Flow({Client(), {}, {}});
  const std::string token = jwt(R"({"exp":1700000060})");
  auto step = flow->OnResponse({200, {}, R"({"access_token":")" + token + R"("})"}, now);
  EXPECT_EQ(std::get<TokenFlow::Obtained>(step).claimed_lifetime, Milliseconds(60'000));
  step = flow->OnResponse({200, {}, R"({"access_token":")" + token + R"(","expires_in":7})"}, now);
  EXPECT_EQ(std::get<TokenFlow::Obtained>(step).claimed_lifetime, std::nullopt);
}

TEST(OAuth2Flow, AsksThroughATunnelOfTheProxy) {
  OAuth2Identity identity{Client(), {}, {}};
  identity.client.token_url = "http://id.example/token";
  identity.proxy.host = "proxy";
  identity.proxy.port = 3128;
  const auto destination = MakeTokenDestination(identity);
  const auto& http = dynamic_cast<const http::Destination&>(*destination);
  EXPECT_TRUE(http.origin->uses_tunnel());
  EXPECT_EQ(http.frame.target_prefix, "");
}

TEST(OAuth2Flow, RejectsAnswersWithoutAUsableToken) {
  const struct {
    delivery::Response response;
    std::string problem;
  } cases[] = {
      {{400, {}, R"({"error":"invalid_client","error_description":"x"})"},
       "HTTP 400 (invalid_client)"},
      {{401, {}, "<html>"}, "HTTP 401"},
      {{302, {}, R"({"access_token":"t"})"}, "HTTP 302"},
      {{500, {}, R"({"error":"a\nb"})"}, "HTTP 500"},
      {{200, {}, ""}, "not JSON of at most 64 KiB"},
      {{200, {}, "t"}, "not JSON"},
      {{200, {}, R"({"access_token":"t"})" + std::string(64 * 1024, ' ')},
       "not JSON of at most 64 KiB"},
      {{200, {}, "[]"}, "no text \"access_token\""},
      {{200, {}, R"({"access_token":7})"}, "no text \"access_token\""},
      {{200, {}, R"({"access_token":""})"}, "no text \"access_token\""},
      {{200, {}, R"({"error":"slow_down"})"}, "no text \"access_token\" (slow_down)"},
      {{200, {}, R"({"access_token":"t\r\nX-Admin: 1"})"}, "control characters"},
      {{200, {}, R"({"access_token":"t\u0000"})"}, "control characters"},
  };
  for (const auto& one : cases) {
    const auto obtained = ParseTokenResponse(one.response, "access_token");
    ASSERT_FALSE(obtained) << one.problem;
    EXPECT_THAT(obtained.error(), HasSubstr(one.problem));
  }
}

TEST(OAuth2Flow, QuotesNothingOfAnAnswerButItsErrorCode) {
  const std::string secret = R"({"error":"invalid_client","error_description":"s3cret"})";
  EXPECT_EQ(ParseTokenResponse({400, {}, secret}, "access_token").error(),
            "HTTP 400 (invalid_client)");
  const std::string other = R"({"token":"s3cret"})";
  EXPECT_THAT(ParseTokenResponse({200, {}, other}, "access_token").error(),
              ::testing::Not(HasSubstr("s3cret")));
}

TEST(OAuth2Flow, TakesWhatDiffersForAnotherIdentity) {
  config::EndpointConfig endpoint;
  endpoint.auth.oauth2 = Client();
  const OAuth2Identity identity = IdentityOf(endpoint);
  endpoint.url = "http://other/";
  endpoint.auth.renew_on = {};
  EXPECT_EQ(IdentityOf(endpoint), identity) << "the same token";
  endpoint.proxy.host = "proxy";
  EXPECT_NE(IdentityOf(endpoint), identity);
  endpoint.proxy = {};
  endpoint.tls.verify = false;
  EXPECT_NE(IdentityOf(endpoint), identity);
  endpoint.tls = {};
  endpoint.auth.oauth2.scope = "s";
  EXPECT_NE(IdentityOf(endpoint), identity);
}

}  // namespace
}  // namespace khs::auth
