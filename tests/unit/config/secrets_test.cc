#include "config/secrets.h"

#include <gmock/gmock.h>

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "config/connector_config.h"
#include "config/definitions.h"
#include "unit/config/listing.h"

namespace khs::config {
namespace {

using Kind = SecretReference::Kind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* kCanary = "canary";

std::string SyntaxError(std::string_view text) {
  const auto parts = ParseReferences(text);
  return parts ? "" : parts.error();
}

// Secrets by reference.
ReadSecret ReadFrom(std::map<std::string, std::string> secrets) {
  return [secrets = std::move(secrets)](
             const SecretReference& reference) -> base::Expected<std::string, std::string> {
    const auto found = secrets.find(Format(reference));
    if (found == secrets.end()) return base::Unexpected<std::string>("it is not there");
    return found->second;
  };
}

ConnectorResult Parse(const std::string& text, std::map<std::string, std::string> secrets) {
  const ReadSecret read = ReadFrom(std::move(secrets));
  return ParseConnectorToml({"f", "stem"}, text, {}, {}, &read);
}

const std::string kUrl = "callback.request.url = 'http://h/'\n";
const std::string kTopics = "topics = 'a'\n";

TEST(References, AreFoundBetweenLiterals) {
  const auto parts = ParseReferences("a$${b${env:A_1}${file:/x/..data/y}c${dir:/x:y.z}$d");
  ASSERT_TRUE(parts) << parts.error();
  EXPECT_EQ(*parts, (std::vector<TextPart>{"a${b", SecretReference{Kind::kEnvironment, "A_1", ""},
                                           SecretReference{Kind::kFile, "/x/..data/y", ""}, "c",
                                           SecretReference{Kind::kDirectory, "/x", "y.z"}, "$d"}));
  for (const TextPart& part : *parts) {
    const auto* reference = std::get_if<SecretReference>(&part);
    if (!reference) continue;
    EXPECT_EQ(ParseReferences(Format(*reference))->front(), part);
  }
  EXPECT_THAT(*ParseReferences(""), IsEmpty());
  EXPECT_EQ(*ParseReferences("$$${$"), (std::vector<TextPart>{"$${$"}));
}

TEST(References, AreRejectedWithAReason) {
  const struct {
    std::string text;
    std::string reason;
  } cases[] = {
      {"\xC3\xA9x${env:A", "the reference at character 3 has no closing brace: use ${env:NAME}, "},
      {"${", "character 1 has no closing brace"},
      {"${vault:a}", "is unknown: use ${env:NAME}, ${file:/path} or ${dir:/path:key}; write $${"},
      {"${}", "is unknown"},
      {"${ENV:A}", "is unknown"},
      {"${A}", "is unknown"},
      {"${env}", "names no variable"},
      {"${env:}", "names no variable"},
      {"${env:1A}", "letters, digits and _"},
      {"${env:A-B}", "letters, digits and _"},
      {"${env: A}", "letters, digits and _"},
      {"${env:A:b}", "letters, digits and _"},
      {"${file:}", "names no path"},
      {"${file:a/b}", "absolute path"},
      {"${file:/a/../b}", "must not have .."},
      {"${file:/a/..}", "must not have .."},
      {"${file:/a/}", "names a directory"},
      {"${file:/a\x01}", "control character"},
      {"${file:/a:b}", "write ${file:/path}, or ${dir:/path:key}"},
      {"${dir:/a}", "names no key"},
      {"${dir:/a:}", "names no key"},
      {"${dir::b}", "names no path"},
      {"${dir:a:b}", "absolute path"},
      {"${dir:/a/..:b}", "must not have .. in its path"},
      {"${dir:/a:b/c}", "must not have / in its key"},
      {"${dir:/a:..}", "must not use . or .. as its key"},
      {"${dir:/a:b:c}", "has too many colons"},
      {"${env:A${env:B}}", "contains another reference"},
      {"ok ${env:A} ${env:B", "character 13"},
  };
  for (const auto& one : cases) EXPECT_THAT(SyntaxError(one.text), HasSubstr(one.reason));
}

TEST(References, AreNotQuotedIfInvalid) {
  EXPECT_THAT(SyntaxError("can${ary:secret}"), Not(HasSubstr("ary")));
  EXPECT_THAT(SyntaxError("can${arysecret"), Not(HasSubstr("ary")));
}

TEST(SecretResolver, ResolvesReferencesOnce) {
  const ReadSecret read = ReadFrom({{"${env:A}", "${env:B}"}, {"${file:/f}", "x\r\n"}});
  SecretResolver secrets(&read);
  const auto resolved = secrets.Resolve("<${env:A}|$${c}|${file:/f}>${env:A}");
  ASSERT_TRUE(resolved) << resolved.error();
  EXPECT_EQ(resolved->text, "<${env:B}|${c}|x>${env:B}");
  EXPECT_EQ(resolved->first_secret, 1u);
  EXPECT_EQ(secrets.references().size(), 2u);
  EXPECT_EQ(secrets.Resolve("a$${b")->first_secret, std::nullopt);
}

TEST(SecretResolver, RemovesOneLineEnd) {
  const ReadSecret read =
      ReadFrom({{"${env:A}", "a\n\n"}, {"${env:B}", "b\r"}, {"${env:C}", " c \n"}});
  SecretResolver secrets(&read);
  EXPECT_EQ(secrets.Resolve("${env:A}")->text, "a\n");
  EXPECT_EQ(secrets.Resolve("${env:B}")->text, "b\r");
  EXPECT_EQ(secrets.Resolve("${env:C}")->text, " c ");
}

TEST(SecretResolver, ReportsMissingAndEmptySecrets) {
  const ReadSecret read = ReadFrom({{"${file:/x}", ""}, {"${file:/y}", " \n"}});
  SecretResolver secrets(&read);
  EXPECT_EQ(secrets.Resolve("a${file:/x}").error(), "the secret ${file:/x} is empty");
  EXPECT_EQ(secrets.Resolve("${file:/y}").error(), "the secret ${file:/y} is empty");
  EXPECT_EQ(secrets.Resolve("${dir:/z:k}").error(),
            "the secret ${dir:/z:k} cannot be read: it is not there");
  EXPECT_EQ(secrets.references().size(), 3u);
}

TEST(ResolveProperties, LimitsTheNumberOfBrokers) {
  const ReadSecret read =
      ReadFrom({{"${env:FEW}", std::string(99, ',')}, {"${env:MANY}", std::string(100, ',')}});
  EXPECT_TRUE(ResolveProperties({{"bootstrap.servers", "${env:FEW}"}}, read));
  const auto bad = ResolveProperties({{"bootstrap.servers", "${env:MANY}"}}, read);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().property, "bootstrap.servers");
  EXPECT_THAT(bad.error().message, HasSubstr("no more than 100 brokers"));
}

TEST(ResolveProperties, ReturnsSecretsOrTheFailedKey) {
  const ReadSecret read = ReadFrom({{"${env:P}", "canary"}, {"${env:N}", std::string("a\0b", 3)}});
  const auto good = ResolveProperties({{"a", "$${x"}, {"sasl.password", "${env:P}"}}, read);
  ASSERT_TRUE(good);
  EXPECT_EQ(good->at("a"), base::Secret("${x"));
  EXPECT_EQ(good->at("sasl.password"), base::Secret::FromReference("canary"));
  const auto bad = ResolveProperties({{"sasl.password", "${env:Q}"}}, read);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().property, "sasl.password");
  EXPECT_EQ(bad.error().message, "the secret ${env:Q} cannot be read: it is not there");
  EXPECT_EQ(ResolveProperties({{"a", "${env:N}"}}, read).error().message,
            "a NUL character cannot be part of it");
}

TEST(ConnectorSecrets, AreResolvedInEveryTypeOfValue) {
  const ConnectorResult result = Parse(
      "topics = '${env:TOPICS}'\ntasks.max = '${env:TWO}'\n"
      "callback.request.url = 'https://h/${env:TOKEN}'\nforward.kafka.headers = '${env:TRUE}'\n"
      "retry.backoff.sec = ['${env:TWO}', 3]\nexception.strategy = '${env:STRATEGY}'\n"
      "consumer.override.group.id = '${env:TOKEN}'\nconsumer.override.x = 'a${env:TOKEN}'\n"
      "callback.request.headers = {Authorization = 'Bearer ${dir:/s:token}'}\n",
      {{"${env:TOPICS}", "a, b"},
       {"${env:TWO}", "2\n"},
       {"${env:TOKEN}", kCanary},
       {"${env:TRUE}", "true"},
       {"${env:STRATEGY}", "stop_task"},
       {"${dir:/s:token}", "a\"b"}});
  ASSERT_TRUE(result.config) << Listing(result.problems).at(0);
  const ConnectorConfig& config = *result.config;
  EXPECT_THAT(config.subscription.topics, ElementsAre("a", "b"));
  EXPECT_EQ(config.tasks_max, 2);
  EXPECT_EQ(config.endpoint.url.Reveal(), "https://h/canary");
  EXPECT_FALSE(config.endpoint.host_is_secret);
  EXPECT_TRUE(config.endpoint.forward_kafka_headers);
  EXPECT_THAT(config.policy.retry_backoff.delays,
              ElementsAre(std::chrono::seconds(2), std::chrono::seconds(3)));
  EXPECT_EQ(config.policy.strategy, delivery::Strategy::kStopTask);
  EXPECT_EQ(config.subscription.group, kCanary);
  EXPECT_EQ(config.subscription.consumer_properties.at("x").Reveal(), "acanary");
  EXPECT_EQ(config.endpoint.headers.at(0).second.constant().Reveal(), "Bearer a\"b");
  EXPECT_EQ(result.references.size(), 6u);
}

TEST(ConnectorSecrets, PrintAsStars) {
  const ConnectorResult result =
      Parse(kTopics + "callback.request.url = 'http://h/canary'\n" +
                "callback.request.headers = {A = 'canary'}\nconsumer.override.x = 'canary'\n",
            {});
  ASSERT_TRUE(result.config);
  const ConnectorConfig& config = *result.config;
  std::ostringstream stream;
  stream << config.endpoint.url << config.endpoint.headers.at(0).second.constant()
         << config.subscription.consumer_properties.at("x");
  EXPECT_EQ(stream.str(), "*********");
}

TEST(ConnectorSecrets, TellWhetherTheHostIsSecret) {
  const std::map<std::string, std::string> secrets = {{"${env:HOST}", "h"},
                                                      {"${env:URL}", "http://h/p"},
                                                      {"${env:PORT}", ":80"},
                                                      {"${env:PATH}", "/p"}};
  const struct {
    std::string url;
    bool is_secret;
  } cases[] = {{"http://h/", false},           {"${env:URL}", true},
               {"http://${env:HOST}/", true},  {"http://h${env:PORT}", true},
               {"http://h${env:PATH}", false}, {"http://h?${env:HOST}", false}};
  for (const auto& one : cases) {
    const auto result = Parse(kTopics + "callback.request.url = '" + one.url + "'\n", secrets);
    ASSERT_TRUE(result.config) << one.url;
    EXPECT_EQ(result.config->endpoint.host_is_secret, one.is_secret) << one.url;
  }
}

TEST(ConnectorSecrets, ThatAreMissingOrEmptyAreReportedAndStillWatched) {
  const ConnectorResult result =
      Parse(kTopics + "callback.request.url = '${file:/url}'\n  tasks.max = '${env:N}'\n",
            {{"${file:/url}", "\n"}});
  EXPECT_FALSE(result.config);
  EXPECT_THAT(
      Listing(result.problems),
      ElementsAre("f:2:1: error: callback.request.url: the secret ${file:/url} is empty",
                  "f:3:3: error: tasks.max: the secret ${env:N} cannot be read: it is not there"));
  EXPECT_EQ(result.references.size(), 2u);
}

TEST(ConnectorSecrets, OfDefaultsAreReadForTheConnectorsThatUseThem) {
  const FlatConfig defaults = {
      {"callback.request.url", "${env:URL}", ValueKind::kString, {4, 1}},
      {"tasks.max", "${env:N}", ValueKind::kString, {5, 1}},
  };
  const ReadSecret read = ReadFrom({{"${env:URL}", "http://h/"}});
  const auto result = ParseConnectorToml({"f", "stem"}, kTopics + "tasks.max = 1\n", defaults,
                                         "sidecar.toml", &read);
  ASSERT_TRUE(result.config);
  EXPECT_THAT(result.references, ElementsAre(SecretReference{Kind::kEnvironment, "URL", ""}));
  const auto other = ParseConnectorToml({"f", "stem"}, kTopics, defaults, "sidecar.toml", &read);
  EXPECT_THAT(Listing(other.problems),
              ElementsAre("sidecar.toml:5:1: error: defaults.tasks.max: the secret ${env:N} cannot "
                          "be read: it is not there"));
}

TEST(ConnectorSecrets, AreListedWithoutWhatIsAroundThem) {
  using Secrets = std::vector<base::Secret>;
  const std::string minimum = kTopics + kUrl;
  const struct {
    std::string text;
    Secrets secrets;
  } cases[] = {
      {minimum, {}},
      {kTopics + "callback.request.url = 'http://h/${env:A}/x?t=${file:/f}'\n", {"one", "two"}},
      {minimum + "callback.request.body = '{{key}} ${env:A}'\n", {"one"}},
      {minimum + "http.proxy.host = 'p'\nhttp.proxy.port = 1\nhttp.proxy.password = 'literal'\n",
       {"literal"}},
      {minimum + "callback.request.headers = {X-A = 'a ${env:A} b', X-B = 'b c'}\n", {"one"}},
      {minimum + "callback.request.headers = {Authorization = 'Bearer abc', Cookie = 'c=d'}\n",
       {"Bearer abc", "abc", "c=d"}},
      {minimum + "callback.request.headers = {Authorization = 'Bearer {{key}}'}\n", {}},
      {minimum + "callback.request.headers = {Authorization = 'Bearer abc{{key}}def'}\n",
       {"Bearer abc", "abc", "def"}},
      {minimum + "callback.request.headers = {X-Api-Key = '{{key}}-abc', X-B = 'x{{key}}'}\n",
       {"-abc"}},
      {minimum + "signature.type = 'STRIPE'\nsignature.secrets = 'abc, ${env:A}, def'\n",
       {"abc", "abc, ${env:A}, def", "def", "one"}},
      {minimum + "auth.type = 'OAUTH2'\noauth2.token.url = 'http://t/'\noauth2.client.auth.mode = "
                 "'none'\noauth2.token.params = 'a=b%2Fc&d=e'\n",
       {"a=b%2Fc&d=e", "b/c", "e"}},
      {minimum + "callback.request.headers = {Authorization = 'Bearer ${env:A}'}\n", {"one"}},
      {minimum + "callback.request.headers = '${env:H}'\n",
       {"X-A:a secret|X-B:x", "a secret", "secret", "x"}},
      {minimum + "consumer.override.sasl.password = '${env:A}'\n", {"one"}},
  };
  for (const auto& [text, secrets] : cases) {
    const auto result = Parse(
        text, {{"${env:A}", "one\n"}, {"${file:/f}", "two"}, {"${env:H}", "X-A:a secret|X-B:x"}});
    ASSERT_TRUE(result.config) << text << Listing(result.problems).at(0);
    EXPECT_EQ(result.config->secrets, secrets) << text;
  }
}

TEST(ConnectorSecrets, AreForbiddenInAName) {
  const ConnectorResult result = Parse(kTopics + kUrl + "name = '${env:N}'\n", {{"${env:N}", "n"}});
  EXPECT_THAT(Listing(result.problems),
              ElementsAre("f:3:1: error: name: a reference to a secret is not possible here; $${ "
                          "is a literal ${"));
  EXPECT_EQ(Parse(kTopics + kUrl + "name = '$${n'\n", {}).config->name, "${n");
}

TEST(ConnectorSecrets, AreOnlyCheckedForSyntaxWithoutAReader) {
  const auto check = [](const std::string& text) {
    return ParseConnectorToml({"f", "stem"}, text);
  };
  const ConnectorResult good = check(
      "topics.regex = '${env:R}'\ntasks.max = '${env:N}'\ncallback.request.url = '${env:U}'\n"
      "retry.backoff.sec = '${env:B}'\nssl.certificate.location = '${env:C}'\n"
      "ssl.key.location = '${env:K}'\nexception.strategy = '${env:X}'\n"
      "callback.header.separator = '${env:S}'\ncallback.request.headers = 'A:b;C:d'\n"
      "errors.deadletterqueue.topic.name = '${env:D}'\n");
  EXPECT_THAT(Listing(good.problems), IsEmpty());
  EXPECT_FALSE(good.config);
  EXPECT_EQ(good.references.size(), 9u);
  EXPECT_THAT(
      Listing(
          check(kTopics + "retry.backoff.sec = []\ncallback.request.url = '${env:U}'\n").problems),
      ElementsAre(HasSubstr("f:2:1: warning: retry.backoff.sec")));
  EXPECT_THAT(
      check(kTopics + kUrl + "retry.backoff.sec = []\nexception.strategy = '${env:S}'\n").problems,
      IsEmpty());
  const ConnectorResult header = check(kTopics + kUrl + "callback.request.headers = 'A:${env:B}'");
  EXPECT_THAT(header.problems, IsEmpty());
  EXPECT_FALSE(header.config);
  EXPECT_THAT(Listing(check(kTopics + kUrl + " tasks.max = '${env:1}'\n").problems),
              ElementsAre(HasSubstr("f:3:2: error: tasks.max: the reference at character 1 ")));
  EXPECT_THAT(Listing(check(kTopics + kUrl + "ssl.key.location = '${env:K}'\n").problems),
              ElementsAre(HasSubstr("set ssl.certificate.location as well")));
}

// Sets every key to secrets that are invalid in every way.
TEST(ConnectorSecrets, AreNeverQuotedInAProblem) {
  const std::string contents[] = {
      "canary",
      "canary\x01",
      std::string("canary\0", 7),
      "canary\xFF",
      "5,canary,-7",
      "canary!,canary!",
      "canary,canary",
      "-777",
      "9999999999999999999",
      "0.00077",
      "http://canary@h/",
      "http://canary:canary/",
      "http://h/%canary",
      "http://h:99999999/canary",
      "http://[canary]/",
      "https://h/canary#f",
      "[canary",
      "(canary",
      "*canary",
      "{\"canary\":",
      "{canary}",
      "canary:1|canary:2",
      "can ary:1",
      "\\d canary",
      "canary\n",
      "canary\ncanary",
  };
  size_t errors = 0;
  for (const KeyDefinition& definition : ConnectorKeys()) {
    std::string key(definition.key);
    if (key == "name") continue;
    if (key.ends_with(".*")) key = key.substr(0, key.size() - 1) + "x";
    for (const std::string& content : contents) {
      const FlatConfig settings = {
          {key, "${env:S}", ValueKind::kString, {1, 1}},
          {key == "topics" || key == "topics.regex" ? "tasks.max" : "topics",
           key == "topics" || key == "topics.regex" ? "1" : "a",
           ValueKind::kString,
           {2, 1}},
          {"callback.request.method", "PUT", ValueKind::kString, {3, 1}},
      };
      const ReadSecret read = ReadFrom({{"${env:S}", content}});
      const FlatConfig defaults = {
          {"callback.request.url", "http://h/", ValueKind::kString, {1, 1}}};
      for (const Problem& problem :
           ParseConnector({"f", "stem"}, settings, defaults, "d", &read).problems) {
        ++errors;
        for (const std::string part : {"canary", "can ary", "-7", "777", "99999", "00077"}) {
          EXPECT_THAT(problem.message, Not(HasSubstr(part))) << key;
        }
      }
    }
  }
  EXPECT_GT(errors, 500u);
}

TEST(ConnectorSecrets, AreNotQuotedWithinALiteral) {
  const std::map<std::string, std::string> secrets = {{"${env:S}", "can ary"}};
  for (const std::string& line : std::vector<std::string>{
           "topics = ['b', '${env:S}']\n" + kUrl,
           kTopics + "callback.request.url = 'http://${env:S}'",
           kTopics + kUrl + "retry.backoff.sec = ['${env:S}']",
           kTopics + kUrl + "request.delay.sec = '1${env:S}'",
           kTopics + kUrl + "tasks.max = '1${env:S}'",
           kTopics + kUrl + "errors.deadletterqueue.topic.name = 'x${env:S}'"}) {
    const auto problems = Listing(Parse(line, secrets).problems);
    ASSERT_EQ(problems.size(), 1u) << line;
    EXPECT_THAT(problems[0], Not(HasSubstr("can ary")));
    EXPECT_THAT(problems[0], HasSubstr("Invalid value [hidden]"));
  }
}

TEST(References, AreLimitedToAThousandSecrets) {
  const auto texts = [](int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += "${env:A" + std::to_string(i) + "}${env:A0}";
    return text;
  };
  int reads = 0;
  const ReadSecret read = [&reads](const SecretReference&) {
    ++reads;
    return std::string("x");
  };
  EXPECT_TRUE(SecretResolver(&read).Resolve(texts(1000)));
  reads = 0;
  SecretResolver secrets(&read);
  const auto resolved = secrets.Resolve(texts(20'000));
  ASSERT_FALSE(resolved);
  EXPECT_EQ(resolved.error(), "at most 1000 secrets may be referenced");
  EXPECT_FALSE(secrets.Resolve("${env:ANOTHER}"));
  EXPECT_TRUE(secrets.Resolve("${env:A0}"));
  EXPECT_EQ(secrets.references().size(), 1000u);
  EXPECT_LE(reads, 2001);
}

}  // namespace
}  // namespace khs::config
