#include "config/auth_values.h"

#include <gmock/gmock.h>

#include <string>

#include "config/connector_config.h"
#include "config/validation.h"
#include "delivery/response.h"
#include "unit/config/listing.h"

namespace khs::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

using Type = AuthConfig::Type;
using ClientAuth = OAuth2Config::ClientAuth;

const std::string kMinimum = "topics = 'a'\ncallback.request.url = 'http://h/'\n";
const std::string kOAuth2 =
    "auth.type = 'oauth2'\noauth2.token.url = 'https://id/token'\noauth2.client.id = 'i'\n"
    "oauth2.client.secret = 's'\n";

ConnectorResult Parse(const std::string& lines, const FlatConfig& defaults = {},
                      const ReadSecret* read = nullptr) {
  return ParseConnectorToml({"f", "stem"}, kMinimum + lines + "\n", defaults, "d", read);
}

std::vector<std::string> ProblemsOf(const std::string& lines, const FlatConfig& defaults = {}) {
  return Listing(Parse(lines, defaults).problems);
}

AuthConfig AuthOf(const std::string& lines, const FlatConfig& defaults = {}) {
  const auto result = Parse(lines, defaults);
  EXPECT_THAT(Listing(result.problems), IsEmpty()) << lines;
  return result.config.value_or(ConnectorConfig{}).endpoint.auth;
}

FlatConfig Defaults(std::initializer_list<std::pair<const char*, const char*>> entries) {
  FlatConfig config;
  for (const auto& [key, value] : entries) {
    config.push_back({key, value, ValueKind::kString, {1, 1}});
  }
  return config;
}

TEST(AuthKeys, AreOffByDefault) {
  EXPECT_EQ(AuthOf(""), AuthConfig());
  EXPECT_EQ(AuthOf("auth.type = 'none'"), AuthConfig());
}

TEST(AuthKeys, MakeTheHeaderOfConstantCredentials) {
  const struct {
    std::string lines;
    std::string header;
    std::string value;
    std::string query;
  } cases[] = {
      {"auth.type = 'BASIC'\nconnection.user = 'Aladdin'\nconnection.password = 'open sesame'",
       "Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", ""},
      {"auth.type = 'Bearer'\nbearer.token = 't.o-k'", "Authorization", "Bearer t.o-k", ""},
      {"auth.type = 'API_KEY'\napi.key.name = 'X-Key'\napi.key.value = 'k'", "X-Key", "k", ""},
      {"auth.type = 'API_KEY'\napi.key.name = 'key'\napi.key.value = 'a b&c'\n"
       "api.key.location = 'query'",
       "", "", "key=a%20b%26c"},
  };
  for (const auto& one : cases) {
    const AuthConfig auth = AuthOf(one.lines);
    EXPECT_EQ(auth.header_name, one.header) << one.lines;
    EXPECT_EQ(auth.header_value.Reveal(), one.value) << one.lines;
    EXPECT_EQ(auth.query.Reveal(), one.query) << one.lines;
  }
}

TEST(AuthKeys, DescribeAnOAuth2Client) {
  AuthConfig auth = AuthOf(kOAuth2);
  EXPECT_EQ(auth.type, Type::kOAuth2);
  EXPECT_EQ(auth.header_name, "Authorization");
  EXPECT_EQ(auth.header_value.Reveal(), "");
  EXPECT_EQ(auth.oauth2.token_url.Reveal(), "https://id/token");
  EXPECT_EQ(auth.oauth2.client_id.Reveal(), "i");
  EXPECT_EQ(auth.oauth2.client_secret.Reveal(), "s");
  EXPECT_EQ(auth.oauth2.client_auth, ClientAuth::kHeader);
  EXPECT_EQ(auth.oauth2.scope, "");
  EXPECT_EQ(auth.renew_on, (delivery::StatusCodes{{401, 401}}));
  auth = AuthOf(kOAuth2 +
                "oauth2.client.scope = 'a b'\noauth2.client.auth.mode = 'URL'\n"
                "oauth2.token.property = 'id_token'\n"
                "oauth2.token.renew.on.status.codes = '401,403'");
  EXPECT_EQ(auth.oauth2.client_auth, ClientAuth::kBody);
  EXPECT_EQ(auth.oauth2.scope, "a b");
  EXPECT_EQ(auth.oauth2.token_property, "id_token");
  EXPECT_EQ(auth.renew_on, (delivery::StatusCodes{{401, 401}, {403, 403}}));
}

TEST(AuthKeys, MayNeedTlsForTheTokenOnly) {
  EXPECT_THAT(ProblemsOf(kOAuth2 + "ssl.ca.location = '/ca.pem'"), IsEmpty());
  EXPECT_THAT(ProblemsOf("ssl.ca.location = '/ca.pem'"), ElementsAre(HasSubstr("Has no effect")));
}

TEST(AuthKeys, TakeTokenParametersInEveryForm) {
  const std::string table = "[oauth2.token.params]\naudience = 'https://a/?x=1&y'\nnumber = 1\n";
  EXPECT_THAT(AuthOf(kOAuth2 + table).oauth2.parameters,
              ElementsAre(Pair("audience", base::Secret("https://a/?x=1&y")),
                          Pair("number", base::Secret("1"))));
  EXPECT_THAT(AuthOf(kOAuth2 + "oauth2.token.params = 'audience=https://a/&r=a%26b+c&empty='")
                  .oauth2.parameters,
              ElementsAre(Pair("audience", base::Secret("https://a/")),
                          Pair("r", base::Secret("a&b c")), Pair("empty", base::Secret(""))));
  EXPECT_THAT(AuthOf(kOAuth2 + R"(oauth2.token.params = '{"audience":"a b"}')").oauth2.parameters,
              ElementsAre(Pair("audience", base::Secret("a b"))));
}

TEST(AuthKeys, ResolveSecretsAfterTheParametersAreSplit) {
  const ReadSecret read = [](const SecretReference& reference) {
    return base::Expected<std::string, std::string>(reference.place + "&x=%41");
  };
  const auto result = Parse(
      "auth.type = 'OAUTH2'\noauth2.token.url = 'https://id/token'\n"
      "oauth2.client.auth.mode = 'none'\n"
      "oauth2.token.params = 'client_assertion=${file:/a&b}&c=d'",
      {}, &read);
  ASSERT_TRUE(result.config) << Listing(result.problems).at(0);
  EXPECT_THAT(result.config->endpoint.auth.oauth2.parameters,
              ElementsAre(Pair("client_assertion", base::Secret::FromReference("/a&b&x=%41")),
                          Pair("c", base::Secret("d"))));
}

TEST(AuthKeys, RejectCredentialsThatAreMissingOrOfAnotherType) {
  const struct {
    std::string lines;
    std::string problem;
  } cases[] = {
      {"auth.type = 'DIGEST'", "String must be one of: NONE, BASIC, BEARER, API_KEY, OAUTH2"},
      {"auth.type = 'BASIC'\nconnection.user = 'u'", "needs connection.password"},
      {"auth.type = 'BEARER'", "needs bearer.token"},
      {"auth.type = 'API_KEY'\napi.key.name = 'n'", "needs api.key.value"},
      {"bearer.token = 't'", "bearer.token: It is for auth.type BEARER, but that is NONE"},
      {"auth.type = 'BEARER'\nbearer.token = 't'\nconnection.user = 'u'",
       "connection.user: It is for auth.type BASIC, but that is BEARER"},
      {"auth.type = 'BASIC'\nconnection.user = 'a:b'\nconnection.password = 'p'",
       "must not contain a colon"},
      {"auth.type = 'BEARER'\nbearer.token = \"a\\nb\"", "control characters"},
      {"auth.type = 'API_KEY'\napi.key.name = 'Host'\napi.key.value = 'v'",
       "api.key.name: It is not a header that can be set"},
      {"auth.type = 'API_KEY'\napi.key.name = 'a b'\napi.key.value = 'v'",
       "api.key.name: It is not a header that can be set"},
      {"auth.type = 'BEARER'\nbearer.token = 't'\ncallback.request.headers = 'authorization:x'",
       "callback.request.headers: The header Authorization is what auth.type BEARER sends"},
      {"auth.type = 'API_KEY'\napi.key.name = 'X-Key'\napi.key.value = 'v'\n"
       "callback.request.headers = 'X_Key:x'",
       "callback.request.headers: The header X-Key is what auth.type API_KEY sends"},
      {"auth.type = 'OAUTH2'\noauth2.client.id = 'i'\noauth2.client.secret = 's'",
       "needs oauth2.token.url"},
      {"auth.type = 'OAUTH2'\noauth2.token.url = 'https://h'\noauth2.client.id = 'i'",
       "needs oauth2.client.secret"},
      {kOAuth2 + "oauth2.client.auth.mode = 'none'",
       "oauth2.client.secret: It is not sent: oauth2.client.auth.mode is none"},
      {kOAuth2 + "oauth2.client.auth.mode = 'body'", "header, header_raw, url, none"},
      {kOAuth2 + "oauth2.token.params = 'audience'", "NAME=VALUE&NAME=VALUE"},
      {kOAuth2 + "oauth2.token.params = 'a=%4'", "two hexadecimal digits"},
      {kOAuth2 + "oauth2.token.params = '=b'", "no valid name"},
      {kOAuth2 + "oauth2.token.params = 'client_id=j'", "must not have client_id"},
      {kOAuth2 + "oauth2.token.params = 'client_secret=j'", "must not have client_secret"},
      {"auth.type = 'OAUTH2'\noauth2.token.url = 'https://h'\noauth2.client.id = 'i'\n"
       "oauth2.client.auth.mode = 'none'\noauth2.token.params = 'client_id=j'",
       "must not have client_id"},
      {kOAuth2 + "oauth2.token.params = '{'", "JSON object of parameters is broken"},
      {kOAuth2 + "oauth2.token.renew.on.status.codes = 'x'", "neither a status code"},
  };
  for (const auto& one : cases) {
    EXPECT_THAT(ProblemsOf(one.lines), ElementsAre(HasSubstr(one.problem))) << one.lines;
  }
  EXPECT_THAT(ProblemsOf("auth.type = 'OAUTH2'\noauth2.token.url = 'id/token'\n"
                         "oauth2.client.id = 'i'\noauth2.client.secret = 's'"),
              ElementsAre(HasSubstr("an absolute URL is needed")));
}

TEST(AuthKeys, OfTheConnectorOverrideDefaultsOfAnotherType) {
  const FlatConfig defaults =
      Defaults({{"auth.type", "BASIC"}, {"connection.user", "u"}, {"connection.password", "p"}});
  EXPECT_EQ(AuthOf("", defaults).header_value.Reveal(), "Basic dTpw");
  EXPECT_EQ(AuthOf("auth.type = 'NONE'", defaults), AuthConfig());
  EXPECT_EQ(AuthOf("auth.type = 'BEARER'\nbearer.token = 't'", defaults).header_value.Reveal(),
            "Bearer t");
  EXPECT_THAT(ProblemsOf("bearer.token = 't'", defaults),
              ElementsAre(HasSubstr("It is for auth.type BEARER, but that is BASIC")));
}

TEST(AuthKeys, HideWhatIsSentInAnswersThatQuoteIt) {
  const struct {
    std::string lines;
    std::string quoted;
  } cases[] = {
      {"auth.type = 'BASIC'\nconnection.user = 'Aladdin'\nconnection.password = 'open sesame'",
       "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
      {"auth.type = 'BEARER'\nbearer.token = 't.o-k/en'", "t.o-k\\/en"},
      {"auth.type = 'API_KEY'\napi.key.name = 'key'\napi.key.value = 'a b&c'\n"
       "api.key.location = 'query'",
       "a%20b%26c"},
      {"http.proxy.host = 'p'\nhttp.proxy.port = 1\nhttp.proxy.user = 'Aladdin'\n"
       "http.proxy.password = 'open sesame'",
       "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
  };
  for (const auto& one : cases) {
    const auto result = Parse(one.lines);
    ASSERT_TRUE(result.config) << one.lines;
    const delivery::ExcerptRule rule{100, base::SecretFilter(result.config->secrets)};
    EXPECT_EQ(delivery::MakeExcerpt("got " + one.quoted, rule), "got ***") << one.lines;
  }
}

TEST(AuthKeys, HideCredentials) {
  for (const std::string key :
       {"connection.password", "bearer.token", "api.key.value", "oauth2.client.secret",
        "oauth2.token.params", "http.proxy.password"}) {
    EXPECT_TRUE(HoldsCredentials(key)) << key;
  }
}

}  // namespace
}  // namespace khs::config
