#include "reconcile/desired.h"

#include <gtest/gtest.h>

namespace khs::reconcile {
namespace {

Definition Valid(const std::string& stem, const std::string& name = "", int tasks = 1) {
  Definition definition;
  definition.file = "/d/" + stem + ".toml";
  definition.stem = stem;
  definition.config.emplace();
  definition.config->name = name.empty() ? stem : name;
  definition.config->tasks_max = tasks;
  definition.written = {{"tasks.max", std::to_string(tasks)}};
  return definition;
}
Definition Invalid(const std::string& stem) {
  Definition definition = Valid(stem);
  definition.config.reset();
  definition.problems = {{definition.file, {1, 1}, "topics", "missing"}};
  return definition;
}
Definition FromRest(const std::string& name) {
  Definition definition = Valid(name);
  definition.origin = Origin::kRest;
  definition.file = "REST";
  return definition;
}

TEST(Definitions, AreNamedByTheirFileOrTheirNameKey) {
  const Definitions now = SortByName({Valid("a"), Valid("b", "other")}, {});
  ASSERT_EQ(now.size(), 2u);
  EXPECT_TRUE(now.at("a").config.has_value());
  EXPECT_EQ(now.at("other").file, "/d/b.toml");
}

TEST(Definitions, AnInvalidFileKeepsTheNameThatItDefinedBefore) {
  const Definitions now = SortByName({Invalid("b")}, {{"/d/b.toml", "other"}});
  ASSERT_EQ(now.count("other"), 1u);
  EXPECT_FALSE(now.at("other").config.has_value());
}

TEST(Definitions, TheRunningOneOfTwoWithTheSameNameWinsAndTheErrorNamesBothFiles) {
  const auto both = [] { return std::vector{Valid("a", "x"), Valid("b", "x")}; };
  EXPECT_EQ(SortByName(both(), {}).at("x").file, "/d/a.toml");
  const Definitions now = SortByName(both(), {{"/d/b.toml", "x"}});
  EXPECT_EQ(now.at("x").file, "/d/b.toml");
  const Definition& rejected = now.at("a");
  EXPECT_FALSE(rejected.config.has_value());
  EXPECT_EQ(rejected.problems.back().file, "/d/a.toml");
  EXPECT_NE(rejected.problems.back().message.find("/d/b.toml"), std::string::npos);
}

TEST(Definitions, AFileThatClaimsATakenNameKeepsItsPreviousConnector) {
  const Definitions now =
      SortByName({Valid("a", "y"), Valid("b", "y")}, {{"/d/a.toml", "x"}, {"/d/b.toml", "y"}});
  ASSERT_EQ(now.count("x"), 1u);
  EXPECT_FALSE(now.at("x").config.has_value());
  EXPECT_EQ(now.at("x").file, "/d/a.toml");
  EXPECT_TRUE(now.at("y").config.has_value());
}

TEST(Definitions, AnInvalidFileNeverReplacesAValidDefinition) {
  const Definitions now = SortByName({Invalid("a"), Valid("c", "a")}, {});
  EXPECT_EQ(now.at("a").file, "/d/c.toml");
  EXPECT_TRUE(now.at("a").config.has_value());
  EXPECT_EQ(now.size(), 2u);
}

TEST(Definitions, ARestDefinitionWinsOverALaterFile) {
  const Definitions now = SortByName({FromRest("a"), Valid("a")}, {{"REST a", "a"}});
  EXPECT_EQ(now.at("a").origin, Origin::kRest);
  ASSERT_EQ(now.size(), 2u);
  const Definition& rejected = now.rbegin()->second;
  EXPECT_NE(rejected.problems.back().message.find("defined by REST"), std::string::npos);
}

TEST(Definitions, AnInvalidRestDefinitionKeepsItsName) {
  Definition invalid = FromRest("a");
  invalid.config.reset();
  const Definitions now = SortByName({invalid, Valid("a")}, {});
  EXPECT_EQ(now.at("a").origin, Origin::kRest);
}

TEST(Desired, KeepsTheLastGoodDefinitionAndCountsGenerations) {
  Desired desired = Advance({}, {{"a", Valid("a")}});
  EXPECT_EQ(desired.at("a").generation, 1u);
  EXPECT_EQ(desired.at("a").config_generation, 1u);
  desired = Advance(desired, {{"a", Invalid("a")}});
  EXPECT_FALSE(desired.at("a").newest.config);
  ASSERT_TRUE(desired.at("a").config);
  EXPECT_EQ(desired.at("a").generation, 2u);
  EXPECT_EQ(desired.at("a").config_generation, 1u);
  EXPECT_EQ(NamesIn(desired), (NamesByPlace{{"/d/a.toml", "a"}}));
  desired = Advance(desired, {{"a", Invalid("a")}});
  EXPECT_EQ(desired.at("a").generation, 2u);
  desired = Advance(desired, {{"a", Valid("a", "", 2)}});
  EXPECT_EQ(desired.at("a").config_generation, 3u);
  EXPECT_EQ(desired.at("a").config->tasks_max, 2);
}

TEST(Desired, IgnoresMovedKeys) {
  Definition moved = Valid("a");
  moved.positions = {{"tasks.max", {7, 1}}};
  const Desired desired = Advance(Advance({}, {{"a", Valid("a")}}), {{"a", moved}});
  EXPECT_EQ(desired.at("a").generation, 1u);
}

TEST(Desired, DropsTheLastGoodDefinitionOfARemovedConnector) {
  Desired desired = Advance({}, {{"a", Valid("a")}});
  desired = Advance(desired, {});
  EXPECT_TRUE(desired.empty());
  desired = Advance(desired, {{"a", Invalid("a")}});
  EXPECT_FALSE(desired.at("a").config);
}

}  // namespace
}  // namespace khs::reconcile
