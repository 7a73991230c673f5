#include "config/validation.h"

#include <gmock/gmock.h>

#include <map>
#include <optional>
#include <string>

#include "config/json.h"

namespace khs::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::map<std::string, KeyValidation> Validate(std::string_view json,
                                              const FlatConfig& defaults = {}) {
  const auto definition = ReadJsonConfig("REST", json);
  EXPECT_TRUE(definition) << json;
  std::map<std::string, KeyValidation> verdicts;
  for (KeyValidation& verdict : ValidateConnector(definition.value_or(FlatConfig{}), defaults)) {
    const std::string name = verdict.name;
    EXPECT_TRUE(verdicts.emplace(name, std::move(verdict)).second) << name;
  }
  return verdicts;
}

size_t Errors(const std::map<std::string, KeyValidation>& verdicts) {
  size_t errors = 0;
  for (const auto& [name, verdict] : verdicts) errors += verdict.errors.size();
  return errors;
}

TEST(Validation, ReportsNoErrorsForAValidDefinition) {
  const auto verdicts =
      Validate(R"({"name":"n","topics":"a","callback.request.url":"http://h/","tasks.max":"2"})");
  EXPECT_EQ(Errors(verdicts), 0u);
  EXPECT_EQ(verdicts.at("tasks.max").value, "2");
  EXPECT_EQ(verdicts.at("callback.request.method").value, "POST");
  EXPECT_EQ(verdicts.at("topics.regex").value, std::nullopt);
  EXPECT_FALSE(verdicts.contains("consumer.override.*"));
}

TEST(Validation, ReportsErrorsByKey) {
  const auto verdicts = Validate(R"({"topics":"a","tasks.max":"x","errors.tolerance":null})");
  EXPECT_THAT(verdicts.at("name").errors,
              ElementsAre("Missing required configuration \"name\" which has no default value."));
  EXPECT_THAT(verdicts.at("callback.request.url").errors,
              ElementsAre("Missing required configuration \"callback.request.url\" which has no "
                          "default value."));
  EXPECT_THAT(verdicts.at("tasks.max").errors,
              ElementsAre("Invalid value x for configuration tasks.max: Not a number of type INT"));
  EXPECT_THAT(verdicts.at("errors.tolerance").errors,
              ElementsAre("Null value can not be supplied as the configuration value."));
  EXPECT_EQ(verdicts.at("errors.tolerance").value, std::nullopt);
  EXPECT_EQ(Errors(verdicts), 4u);
}

TEST(Validation, ReportsSubscriptionErrorsForBothKeys) {
  const auto none = Validate(R"({"name":"n","callback.request.url":"http://h/"})");
  EXPECT_THAT(none.at("topics").errors,
              ElementsAre("Must configure one of topics or topics.regex"));
  EXPECT_EQ(none.at("topics").errors, none.at("topics.regex").errors);
  EXPECT_EQ(Errors(none), 2u);
  const auto both = Validate(
      R"({"name":"n","callback.request.url":"http://h/","topics":"a","topics.regex":"b"})");
  EXPECT_THAT(both.at("topics").errors, ElementsAre(HasSubstr("mutually exclusive")));
  EXPECT_EQ(both.at("topics").errors, both.at("topics.regex").errors);
  EXPECT_EQ(Errors(both), 2u);
}

TEST(Validation, ReportsUnknownKeysWithASuggestionAndWithoutValues) {
  const auto verdicts = Validate(
      R"({"name":"n","topics":"a","callback.request.url":"http://h/","callback.request.hedaers":"s"})");
  const KeyValidation& unknown = verdicts.at("callback.request.hedaers");
  EXPECT_EQ(unknown.definition, nullptr);
  EXPECT_EQ(unknown.value, "[hidden]");
  EXPECT_THAT(unknown.errors, ElementsAre("Unknown key: did you mean callback.request.headers?"));
}

TEST(Validation, StopsAfterAHundredProblems) {
  std::string json = R"({"name":"n","topics":"a","callback.request.url":"http://h/")";
  const size_t known = Validate(json + '}').size();
  for (int i = 0; i < 150; ++i)
    json += ",\"errors.log.include.messages" + std::to_string(100 + i) + "\":\"\"";
  const auto verdicts = Validate(json + '}');
  EXPECT_EQ(verdicts.size(), known + 100);
  EXPECT_EQ(Errors(verdicts), 101u);
  EXPECT_THAT(verdicts.at("errors.log.include.messages199").errors,
              ElementsAre(HasSubstr("did you mean")));
  EXPECT_FALSE(verdicts.contains("errors.log.include.messages200"));
  EXPECT_THAT(verdicts.at("name").errors, ElementsAre("and 50 more"));
}

TEST(Validation, HidesCredentialsAndLeavesReferencesUnresolved) {
  const auto verdicts = Validate(R"({
    "name":"n","topics":"${env:TOPICS}","callback.request.url":"http://u:p@h/",
    "callback.request.headers":"Authorization:s","consumer.override.sasl.password":"s",
    "consumer.override.auto.offset.reset":"latest","consumer.override.ssl.key.password":"s",
    "value.converter.basic.auth.user.info":"u:s","key.converter.schemas.enable":"false"})");
  EXPECT_EQ(verdicts.at("topics").value, "${env:TOPICS}");
  EXPECT_THAT(verdicts.at("topics").errors, IsEmpty());
  EXPECT_EQ(verdicts.at("consumer.override.auto.offset.reset").value, "latest");
  EXPECT_EQ(verdicts.at("key.converter.schemas.enable").value, "false");
  for (const char* key :
       {"callback.request.headers", "callback.request.url", "consumer.override.sasl.password",
        "consumer.override.ssl.key.password", "value.converter.basic.auth.user.info"}) {
    EXPECT_EQ(verdicts.at(key).value, "[hidden]") << key;
  }
  for (const auto& [name, verdict] : verdicts) {
    for (const std::string& error : verdict.errors) EXPECT_EQ(error.find("u:p"), std::string::npos);
  }
}

TEST(Validation, ReportsErrorsOfAnAliasForItsKey) {
  const auto verdicts = Validate(
      R"({"name":"n","topics":"a","callback.request.url":"http://h/","callback.request.methods":"X"})");
  EXPECT_EQ(verdicts.at("callback.request.method").value, "X");
  EXPECT_EQ(verdicts.at("callback.request.method").errors.size(), 1u);
}

TEST(Validation, AppliesTheDefaultsOfTheProcess) {
  const FlatConfig defaults = {{"callback.request.url", "http://h/", ValueKind::kString, {1, 1}},
                               {"ssl.key.location", "/k", ValueKind::kString, {2, 1}}};
  const auto verdicts = Validate(R"({"name":"n","topics":"a"})", defaults);
  EXPECT_EQ(verdicts.at("callback.request.url").value, "http://h/");
  EXPECT_THAT(verdicts.at("callback.request.url").errors, IsEmpty());
  EXPECT_EQ(verdicts.at("ssl.key.location").errors.size(), 1u);
}

TEST(Validation, AcceptsOnlyEmptyTransforms) {
  const auto good = Validate(
      R"({"name":"n","topics":"a","callback.request.url":"http://h/","transforms":"","predicates":""})");
  EXPECT_EQ(Errors(good), 0u);
  const auto bad =
      Validate(R"({"name":"n","topics":"a","callback.request.url":"http://h/","transforms":"t"})");
  EXPECT_THAT(bad.at("transforms").errors,
              ElementsAre("transforms and predicates are not supported"));
}

TEST(MessageWithKey, NamesTheKeyOnce) {
  EXPECT_EQ(MessageWithKey({"f", {}, "topics", "Unknown key"}), "topics: Unknown key");
  EXPECT_EQ(MessageWithKey({"f", {}, "topics", "Invalid value for topics"}),
            "Invalid value for topics");
  EXPECT_EQ(MessageWithKey({"f", {}, "topic", "did you mean topics?"}),
            "topic: did you mean topics?");
  EXPECT_EQ(MessageWithKey({"f", {}, "topics", "Must configure topics or topics.regex"}),
            "Must configure topics or topics.regex");
  EXPECT_EQ(MessageWithKey({"f", {}, "", "Broken"}), "Broken");
}

}  // namespace
}  // namespace khs::config
