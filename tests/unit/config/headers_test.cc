#include "config/headers.h"

#include <gmock/gmock.h>

#include <string>

namespace khs::config {
namespace {

using ::testing::HasSubstr;

base::Expected<Headers, std::string> Parse(std::string_view text,
                                           std::string_view separator = "|") {
  SecretResolver secrets(nullptr);
  return ParseHeaders(text, separator, secrets);
}

// Every reference has the same secret as its value.
base::Expected<Headers, std::string> ParseWith(const std::string& secret, std::string_view text) {
  const ReadSecret read = [&secret](const SecretReference&) { return secret; };
  SecretResolver secrets(&read);
  return ParseHeaders(text, "|", secrets);
}

std::string Revealed(const base::Expected<Headers, std::string>& headers) {
  if (!headers) return "error: " + headers.error();
  std::string all;
  for (const auto& [name, value] : *headers) all += name + '=' + value.constant().Reveal() + '\n';
  return all;
}

std::string Reason(std::string_view text, std::string_view separator = "|") {
  const auto headers = Parse(text, separator);
  return headers ? "" : headers.error();
}

TEST(Headers, SplitLegacyEntriesAtTheFirstColon) {
  EXPECT_EQ(*Parse("X-A:b|X-C: http://d:1 |X-E:", "|"),
            (Headers{{"X-A", "b"}, {"X-C", "http://d:1"}, {"X-E", ""}}));
  EXPECT_EQ(*Parse("X-A:b.*X-C:d.*", ".*"), (Headers{{"X-A", "b"}, {"X-C", "d"}}));
  EXPECT_EQ(*Parse("", "|"), Headers{});
}

TEST(Headers, ParseAJsonObjectOfScalars) {
  EXPECT_EQ(
      *Parse(R"({"X-A":"b|c","X-B":1,"X-C":true,"X-D":0.5,"Host":"h"})", "|"),
      (Headers{{"X-A", "b|c"}, {"X-B", "1"}, {"X-C", "true"}, {"X-D", "0.5"}, {"Host", "h"}}));
  EXPECT_EQ(*Parse("{}", "|"), Headers{});
}

TEST(Headers, RejectHeadersThatHttpOrTheClientForbids) {
  const struct {
    std::string_view text;
    std::string_view reason;
  } cases[] = {
      {"X-A", "entry 1 has no ':'"},
      {"X-A:b||X-C:d", "entry 2 has no ':'"},
      {"X A:b", "not a header name"},
      {":b", "not a header name"},
      {"X-A:b\r\nX-Evil:c", "control character"},
      {"x-a:b|X-A:c", "given twice"},
      {"content-length:5", "set by the HTTP client"},
      {"TE:trailers", "set by the HTTP client"},
      {"proxy-authorization:Basic YQ==",
       "the header proxy-authorization is for a proxy and never sent to the endpoint: use "
       "http.proxy.user and http.proxy.password"},
      {"Proxy-X:a", "is for a proxy"},
      {"Proxy-Connection:close", "set by the HTTP client"},
      {R"({"X-A":null})", "must be a string, a number or a boolean"},
      {R"({"X-A":{"b":1}})", "must be a string, a number or a boolean"},
      {R"({"X-A":[1]})", "must be a string, a number or a boolean"},
      {R"({"X-A":"b","X-A":"c"})", "given twice"},
      {R"({"X-A":"b\u0000"})", "control character"},
      {R"({"X-A":)", "broken"},
      {"Host:a b, c", "must be host or host:port"},
      {"host:a,b", "must be host or host:port"},
      {"Host:a/b", "must be host or host:port"},
      {"Host:user@a", "must be host or host:port"},
      {"Host:a:b", "must be host or host:port"},
      {"Host:a:65536", "must be host or host:port"},
      {"Host:", "must be host or host:port"},
  };
  for (const auto& one : cases) EXPECT_THAT(Reason(one.text), HasSubstr(one.reason)) << one.text;
}

TEST(Headers, AcceptAHostWithAndWithoutPort) {
  for (const char* host : {"a", "a.b-c:8080", "10.0.0.1", "[::1]", "[2001:db8::1]:443"}) {
    EXPECT_EQ(Reason(std::string("Host:") + host), "") << host;
  }
}

TEST(Headers, NeverQuoteAValue) {
  EXPECT_THAT(Reason("Authorization:secret\x01"), ::testing::Not(HasSubstr("secret")));
}

TEST(Headers, KeepASecretUnchangedInEveryForm) {
  const std::string secret = R"(a"b|c:d\e,{"X-Evil":"f"}${env:NO} )";
  for (const std::string_view text :
       {R"({"A":"<${env:S}>"})", "A:<${env:S}>", " A : <${dir:/a|b:c}> "}) {
    EXPECT_EQ(Revealed(ParseWith(secret, text)), "A=<" + secret + ">\n") << text;
  }
}

TEST(Headers, AreNotSplitInATemplateAfterADollar) {
  const auto headers = Parse("A:${{key:-a}|b:c}}|B:d");
  ASSERT_TRUE(headers) << headers.error();
  ASSERT_EQ(headers->size(), 2u);
  EXPECT_EQ(std::get<base::Secret>((*headers)[0].second.parts()[0]).Reveal(), "$");
  EXPECT_EQ(std::get<TemplateField>((*headers)[0].second.parts()[1]).default_text, "a}|b:c");
}

TEST(Headers, MayBeTheContentOfOneSecret) {
  EXPECT_EQ(Revealed(ParseWith(R"({"A":"b","C":"${env:NO}"})", " ${env:S} ")),
            "A=b\nC=${env:NO}\n");
  EXPECT_EQ(Revealed(ParseWith("A:b${|C:d", "${file:/s}")), "A=b${\nC=d\n");
  for (const std::string secret : {"canary", "{canary", R"({"can ary":"b"})", "can ary:b",
                                   "canary:\x01", "canary:b|canary:b", R"({"canary":null})"}) {
    const auto headers = ParseWith(secret, "${file:/s}");
    ASSERT_FALSE(headers) << secret;
    EXPECT_THAT(headers.error(), ::testing::Not(HasSubstr("can"))) << secret;
  }
}

TEST(Headers, RejectControlCharactersOfASecretWithoutQuotingIt) {
  EXPECT_EQ(Revealed(ParseWith("canary\r\nX-Evil: c", "A:${env:S}")),
            "error: the header A holds a control character, which HTTP does not allow");
  EXPECT_EQ(Revealed(ParseWith("token\n", "A:${file:/s}")), "A=token\n");
}

TEST(Headers, AreValidatedEvenWithoutTheirSecrets) {
  EXPECT_EQ(Reason("A:${env:S}|C:d"), "");
  EXPECT_EQ(Parse("A:${env:S}|C:d")->size(), 1u);
  EXPECT_THAT(Reason("A:${env:S}|a:d"), HasSubstr("given twice"));
  EXPECT_THAT(Reason("TE:${env:S}"), HasSubstr("set by the HTTP client"));
  EXPECT_THAT(Reason("${env:S}|A:b"), HasSubstr("entry 1 has no ':'"));
  EXPECT_THAT(Reason("A:${vault:S}"), HasSubstr("the header A: the reference at character 1"));
  EXPECT_THAT(Reason(R"({"A":"x${env:S"})"), HasSubstr("character 2 has no closing brace"));
}

TEST(Headers, ReadAllSecretsEvenIfOneIsMissing) {
  const ReadSecret read = [](const SecretReference&) -> base::Expected<std::string, std::string> {
    return base::Unexpected<std::string>("gone");
  };
  SecretResolver secrets(&read);
  const auto headers = ParseHeaders("A:${env:A}|B:${env:B}${env:A}", "|", secrets);
  ASSERT_FALSE(headers);
  EXPECT_EQ(headers.error(), "the header A: the secret ${env:A} cannot be read: gone");
  EXPECT_EQ(secrets.references().size(), 2u);
}

TEST(Headers, AreAtMostAHundred) {
  const auto legacy = [](int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += "X-" + std::to_string(i) + ":|";
    return text;
  };
  const auto json = [](int count) {
    std::string text = "{\"X\":1";
    for (int i = 1; i < count; ++i) text += ",\"X-" + std::to_string(i) + "\":1";
    return text + '}';
  };
  EXPECT_EQ(Parse(legacy(100))->size(), 100u);
  EXPECT_EQ(Parse(json(100))->size(), 100u);
  EXPECT_EQ(Reason(legacy(101)), "at most 100 headers are allowed, but there are 101");
  EXPECT_EQ(Reason(json(101)), "at most 100 headers are allowed, but there are 101");
}

}  // namespace
}  // namespace khs::config
