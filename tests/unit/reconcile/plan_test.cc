#include "reconcile/plan.h"

#include <gtest/gtest.h>

namespace khs::reconcile {
namespace {

config::ConnectorConfig Config(const std::string& name, const std::string& url = "http://a/") {
  config::ConnectorConfig config;
  config.name = name;
  config.endpoint.url = url;
  return config;
}
Definition Valid(const std::string& name, const std::string& url = "http://a/") {
  return {name + ".toml", Config(name, url), {}};
}
Definition Invalid(const std::string& name) { return {name + ".toml", std::nullopt, {}}; }

using Steps = std::vector<Step>;

TEST(Plan, StartsWhatIsNew) {
  EXPECT_EQ(MakePlan({{"a", Valid("a")}}, {}), (Steps{{"a", Action::kStart}}));
}

TEST(Plan, KeepsWhatIsEqualAndRestartsWhatChanged) {
  EXPECT_EQ(MakePlan({{"a", Valid("a")}, {"b", Valid("b", "http://new/")}},
                     {{"a", Config("a")}, {"b", Config("b")}}),
            (Steps{{"a", Action::kKeep}, {"b", Action::kRestart}}));
}

TEST(Plan, StopsWhatIsGoneBeforeItStartsAnything) {
  EXPECT_EQ(MakePlan({{"a", Valid("a")}}, {{"z", Config("z")}}),
            (Steps{{"z", Action::kStop}, {"a", Action::kStart}}));
}

TEST(Plan, KeepsTheLastGoodDefinitionOfOneThatIsInvalidNow) {
  EXPECT_EQ(MakePlan({{"a", Invalid("a")}}, {{"a", Config("a")}}),
            (Steps{{"a", Action::kKeepLast}}));
}

TEST(Plan, ShowsANewInvalidDefinitionAndStartsItWhenItIsMended) {
  EXPECT_EQ(MakePlan({{"a", Invalid("a")}}, {}), (Steps{{"a", Action::kShowFailed}}));
  EXPECT_EQ(MakePlan({{"a", Invalid("a")}}, {{"a", std::nullopt}}),
            (Steps{{"a", Action::kShowFailed}}));
  EXPECT_EQ(MakePlan({{"a", Valid("a")}}, {{"a", std::nullopt}}), (Steps{{"a", Action::kRestart}}));
}

}  // namespace
}  // namespace khs::reconcile
