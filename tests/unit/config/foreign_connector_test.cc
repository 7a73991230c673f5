#include "config/foreign_connector.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/connector_config.h"
#include "config/definitions.h"
#include "config/foreign_regex.h"
#include "config/foreign_text.h"
#include "config/json.h"
#include "config/topics_regex.h"
#include "config/validation.h"
#include "unit/config/listing.h"

namespace khs::config {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using enum ForeignKind;

constexpr ForeignKind kKinds[] = {kConfluent, kConfluentV2, kAiven, kLenses};

std::optional<ForeignKind> Recognize(const std::map<std::string, std::string>& definition) {
  return RecognizeKind([&definition](std::string_view key) {
    const auto found = definition.find(std::string(key));
    return found == definition.end() ? nullptr : &found->second;
  });
}

// Returns what `check` says of a definition in JSON.
std::vector<std::string> Check(const std::string& json) {
  const auto definition = ReadJsonConfig("f", json);
  EXPECT_TRUE(definition) << json;
  return Listing(ParseConnector({"f", "n"}, definition.value_or(FlatConfig())).problems);
}

TEST(ForeignConnector, IsRecognizedByItsClassOrAKeyThatOnlyOneSinkHas) {
  const std::string confluent = "io.confluent.connect.http.HttpSinkConnector";
  EXPECT_EQ(Recognize({{"connector.class", ' ' + confluent}}), kConfluent);
  EXPECT_EQ(Recognize({{"connector.class", "HttpSink"}, {"http.api.url", ""}}), kConfluent);
  EXPECT_EQ(Recognize({{"connector.class", "HttpSinkV2"}, {"http.url", ""}}), kConfluentV2);
  EXPECT_EQ(Recognize({{"connector.class", "io.aiven.kafka.connect.http.HttpSinkConnector"}}),
            kAiven);
  EXPECT_EQ(Recognize({{"connector.class", "HttpSinkConnector"}, {"http.url", ""}}), kAiven);
  EXPECT_EQ(Recognize({{"connect.http.endpoint", ""}}), kLenses);
  EXPECT_EQ(Recognize({{"connector.class", "com.example.Other"}, {"max.retries", "1"}}),
            std::nullopt);
  EXPECT_EQ(Recognize({{"connector.class", ""}}), std::nullopt);
}

TEST(ForeignKeys, AreOnceInTheTableAndLeadToOurKeys) {
  // Keys of authentication that have their names before they have their rows.
  const std::vector<std::string_view> later = {"auth.type", "connection.", "bearer.token",
                                               "api.key.", "oauth2."};
  for (const ForeignKind kind : kKinds) {
    std::set<std::string_view> keys;
    for (const auto& group : ForeignKeys(kind)) {
      for (const ForeignKey& row : group) {
        EXPECT_TRUE(keys.insert(row.key).second) << row.key;
        EXPECT_NE(row.translate, nullptr) << row.key;
        EXPECT_FALSE(row.ours.empty() && row.note.empty()) << row.key;
        const bool is_later =
            std::any_of(later.begin(), later.end(),
                        [&row](std::string_view prefix) { return row.ours.starts_with(prefix); });
        EXPECT_TRUE(row.ours.empty() || is_later || FindKey(ConnectorKeys(), row.ours)) << row.key;
        for (const auto& [unit, other] : {std::pair(".ms", ".sec"), std::pair(".sec", ".ms")}) {
          EXPECT_FALSE(row.key.ends_with(unit) && row.ours.ends_with(other)) << row.key;
        }
      }
    }
  }
}

TEST(ForeignKeys, AreFoundByTheLongestFamily) {
  EXPECT_EQ(FindForeignKey(kConfluent, "https.ssl.keystore.type")->key, "https.ssl.keystore.*");
  EXPECT_EQ(FindForeignKey(kConfluent, "https.ssl.provider")->key, "https.ssl.*");
  EXPECT_EQ(FindForeignKey(kConfluent, "https.ssl.key.password")->key, "https.ssl.key.password");
  EXPECT_EQ(FindForeignKey(kAiven, "batch.max.size")->key, "batch.*");
  EXPECT_EQ(FindForeignKey(kAiven, "http.api.url"), nullptr);
}

TEST(ForeignKeys, AreExplainedByCheckKeyByKey) {
  EXPECT_THAT(
      Check(R"({"name":"n",
"connector.class":"io.aiven.kafka.connect.http.HttpSinkConnector",
"topics":"a",
"http.url":"http://h/",
"http.timeout":"30",
"batch.max.size":"5",
"http.headers.additonal":"x"})"),
      ElementsAre(
          "f:1:1: error: callback.request.url: Missing required configuration "
          "\"callback.request.url\" which has no default value.",
          "f:2:1: error: connector.class: Invalid value "
          "io.aiven.kafka.connect.http.HttpSinkConnector for configuration connector.class: "
          "String must be one of: HttpSink, HttpSinkConnector, "
          "nz.ac.auckland.kafka.http.sink.HttpSinkConnector; kafka-http-sink convert converts a "
          "definition of Aiven's HTTP sink",
          "f:4:1: error: http.url: Unknown key of Aiven's HTTP sink: use callback.request.url "
          "instead",
          "f:5:1: error: http.timeout: Unknown key of Aiven's HTTP sink: use "
          "callback.timeout.read.ms instead; in milliseconds, not in seconds",
          "f:6:1: error: batch.max.size: Unknown key of Aiven's HTTP sink: it is about batches, "
          "and each request has one record",
          "f:7:1: error: http.headers.additonal: Unknown key"));
}

TEST(ForeignKeys, AreExplainedBesideAnyClass) {
  const struct {
    std::string definition;
    std::string problem;
  } cases[] = {
      {R"({"connector.class":"com.example.Other","http.api.url":"http://h/"})",
       "http.api.url: Unknown key of Confluent's HTTP sink: use callback.request.url instead; "
       "${topic}, ${key} and ${field} are"},
      {R"({"headers":"A:b"})",
       "headers: Unknown key of Confluent's HTTP sink: use callback.request.headers instead"},
      {R"({"connect.http.endpoint":"http://h/","ssl.truststore.location":"/t"})",
       "ssl.truststore.location: Unknown key of Lenses' HTTP sink: use ssl.ca.location instead"},
      {R"({"connector.class":"HttpSinkV2","api1.max.retries":"1"})",
       "api1.max.retries: Unknown key of Confluent's HTTP sink V2: use max.retries instead"},
      {R"({"connector.class":"HttpSinkV2","api2.topics":"b"})",
       "api2.topics: Unknown key of Confluent's HTTP sink V2: each API is a connector of its own"},
      {R"({"kafka.api.key":"k"})", "kafka.api.key: Unknown key of Confluent's HTTP sink: the"},
      {R"({"transforms.a.type":"x"})", "transforms and predicates are not supported"},
  };
  for (const auto& one : cases) {
    EXPECT_THAT(Check(one.definition), Contains(HasSubstr(one.problem))) << one.definition;
  }
}

TEST(ForeignKeys, AreExplainedAsDefaultsToo) {
  const FlatConfig definition = {{"topics", "a", ValueKind::kString, {1, 1}},
                                 {"callback.request.url", "http://h/", ValueKind::kString, {2, 1}}};
  const FlatConfig defaults = {{"headers", "A:b", ValueKind::kString, {3, 1}}};
  const auto problems = ParseConnector({"f", "n"}, definition, defaults, "sidecar.toml").problems;
  EXPECT_THAT(Listing(problems),
              ElementsAre("sidecar.toml:3:1: error: defaults.headers: Unknown key of Confluent's "
                          "HTTP sink: use defaults.callback.request.headers instead"));
}

TEST(ForeignKeys, AreExplainedByValidate) {
  const auto definition =
      ReadJsonConfig("f", R"({"name":"n","topics":"a","connect.http.endpoint":"http://h/",)"
                          R"("connect.http.authentication.basic.password":"hush"})");
  ASSERT_TRUE(definition);
  std::map<std::string, KeyValidation> verdicts;
  for (KeyValidation& verdict : ValidateConnector(*definition)) {
    verdicts.emplace(verdict.name, verdict);
  }
  EXPECT_THAT(verdicts.at("connect.http.endpoint").errors,
              ElementsAre("Unknown key of Lenses' HTTP sink: use callback.request.url instead"));
  const KeyValidation& password = verdicts.at("connect.http.authentication.basic.password");
  EXPECT_THAT(password.errors,
              ElementsAre("Unknown key of Lenses' HTTP sink: use connection.password instead"));
  EXPECT_EQ(password.value, "[hidden]");
}

TEST(ForeignText, IsWrittenAsItIsHere) {
  using enum ForeignText;
  const struct {
    std::string text;
    ForeignText form;
    std::string expected;
  } cases[] = {
      {"a$b}c", kPlain, "a$b}c"},
      {"{{a}}", kPlain, "{{a}}"},
      {"${a}", kPlain, "$${a}"},
      {"a${", kPlain, "a$${"},
      {"x${env:A_B}y", kPlain, "x${env:A_B}y"},
      {"${dir:/a:b}${directory:/c:d}", kPlain, "${dir:/a:b}${dir:/c:d}"},
      {"{{a}}{{{b", kConstant, "{{{{a}}{{{{{b"},
      {"${a}", kConstant, "$${a}"},
      {"/${topic}/${key}/${ order }", kDollar, "/{{topic}}/{{key}}/{{value.order}}"},
      {"${a.b-c.d e}${x\"y}", kDollar, "{{value.a.b-c.\"d e\"}}{{value.\"x\\\"y\"}}"},
      {"{{a}}${env:B}", kDollar, "{{{{a}}${env:B}"},
      {"{{topic}} {{ value.a }} {{header.X y}} {{key}}", kBraces,
       "{{topic}} {{value.a}} {{header.\"X y\"}} {{key}}"},
      {"{{a", kBraces, "{{{{a"},
      {"{{value}}${env:B}${c}", kBraces, "{{value}}${env:B}$${c}"},
  };
  for (const auto& one : cases) {
    const auto text = TranslateText(one.text, one.form);
    ASSERT_TRUE(text) << one.text << text.error();
    EXPECT_EQ(*text, one.expected) << one.text;
  }
  EXPECT_EQ(*TranslateText("{{value.a}}{{key}}{{topic}}", kBraces, "null"),
            "{{value.a:-null}}{{key:-null}}{{topic}}");
}

TEST(ForeignRegex, IsWrittenAsPosixExpression) {
  const struct {
    std::string java;
    std::string posix;
    std::string matched;
    std::string other;
  } cases[] = {
      {R"(server1\.dbo\..*)", R"(server1\.dbo\..*)", "server1.dbo.x", "server1xdbo.x"},
      {R"(a\d+)", "a[0-9]+", "a12", "add"},
      {R"(\w+-\W)", "[a-zA-Z0-9_]+-[^a-zA-Z0-9_]", "a_1-.", "a_1-x"},
      {R"(a\S\D)", "a[^[:space:]][^0-9]", "abc", "ab1"},
      {R"([\w.\-]+)", "[a-zA-Z0-9_.-]+", "a-b.c", "a\\b"},
      {R"([^\d\]]x)", "[^]0-9]x", "ax", "1x"},
      {R"([\^-]a)", "[-^]a", "^a", "ba"},
      {R"([\^])", R"(\^)", "^", "a"},
      {R"([a\[])", "[a[]", "[", "b"},
      {R"((?:a|b)c)", "(a|b)c", "bc", "ab"},
      {R"((?<x>a)b)", "(a)b", "ab", "a"},
      {R"(a*?b+?c{2,3}?)", "a*b+c{2,3}", "abcc", "abc"},
      {R"(\Qa.b\E.)", R"(a\.b.)", "a.bc", "axbc"},
      {R"(a\-b\_})", R"(a-b_\})", "a-b_}", "a"},
      {"^orders$", "^orders$", "orders", "orders2"},
  };
  for (const auto& one : cases) {
    const auto posix = TranslateRegex(one.java);
    ASSERT_TRUE(posix) << one.java << posix.error();
    EXPECT_EQ(*posix, one.posix) << one.java;
    EXPECT_EQ(ValidateTopicsRegex(*posix), "") << one.java;
    EXPECT_TRUE(MatchesTopicsRegex(*posix, one.matched)) << one.java;
    EXPECT_FALSE(MatchesTopicsRegex(*posix, one.other)) << one.java;
  }
}

TEST(ForeignRegex, IsRefusedIfAPartHasNoEquivalent) {
  for (const std::string java :
       {R"(a\b)", R"((a)\1)", "(?i)a", "(?!a)b", "(?<=a)b", "(?>a)", "a*+", "a{2}+", R"(\p{L})",
        R"(\x41)", "[a-z&&[^b]]", "[a[b]]", R"([\D])", "[+--]", "[a", "a\\", "a{2"}) {
    EXPECT_FALSE(TranslateRegex(java)) << java;
  }
}

TEST(ForeignText, IsRefusedIfASecretOrATemplateCannotBeWrittenHere) {
  using enum ForeignText;
  EXPECT_THAT(TranslateText("a${file:/x:hush}", kPlain).error(), HasSubstr("a file of its own"));
  EXPECT_THAT(TranslateText("${vault:hush}", kDollar).error(), HasSubstr("by ${vault:...}"));
  EXPECT_THAT(TranslateText("${vault:hush}", kDollar).error(), Not(HasSubstr("hush")));
  EXPECT_THAT(TranslateText("${ }", kDollar).error(), HasSubstr("names no field"));
  EXPECT_THAT(TranslateText("{{#message}}", kBraces).error(), HasSubstr("for several records"));
}

}  // namespace
}  // namespace khs::config
