#include "reconcile/desired.h"

#include <gtest/gtest.h>

namespace khs::reconcile {
namespace {

constexpr const char* kGood = "topics = \"t\"\ncallback.request.url = \"http://127.0.0.1:1/\"\n";

watch::DefinitionFile File(const std::string& stem, const std::string& content) {
  watch::DefinitionFile file;
  file.path = "/d/" + stem + ".toml";
  file.stem = stem;
  file.content = content;
  return file;
}

Definition Judge(const watch::DefinitionFile& file) {
  auto result = config::ParseConnectorToml({file.path, file.stem}, file.content);
  return {file.path, file.content, std::move(result.config), std::move(result.problems)};
}

TEST(Definitions, AreNamedByTheirFileOrByTheirName) {
  const Definitions now = JudgeSnapshot(
      {{File("a", kGood), File("b", std::string("name = \"other\"\n") + kGood)}, {}}, Judge, {});
  ASSERT_EQ(now.size(), 2u);
  EXPECT_TRUE(now.at("a").config.has_value());
  EXPECT_EQ(now.at("other").file, "/d/b.toml");
}

TEST(Definitions, AnInvalidFileConcernsTheConnectorThatItDefinedBefore) {
  const Definitions now =
      JudgeSnapshot({{File("b", "nonsense")}, {}}, Judge, {{"/d/b.toml", "other"}});
  ASSERT_EQ(now.count("other"), 1u);
  EXPECT_FALSE(now.at("other").config.has_value());
  EXPECT_EQ(now.at("other").problems.front().position.line, 1);
}

TEST(Definitions, OfTwoOfANameTheRunningOneStaysAndTheOtherNamesBoth) {
  const std::string named = std::string("name = \"x\"\n") + kGood;
  const watch::Snapshot snapshot{{File("a", named), File("b", named)}, {}};
  EXPECT_EQ(JudgeSnapshot(snapshot, Judge, {}).at("x").file, "/d/a.toml");
  const Definitions now = JudgeSnapshot(snapshot, Judge, {{"/d/b.toml", "x"}});
  EXPECT_EQ(now.at("x").file, "/d/b.toml");
  const Definition& rejected = now.at("a");
  EXPECT_FALSE(rejected.config.has_value());
  EXPECT_EQ(rejected.problems.back().file, "/d/a.toml");
  EXPECT_NE(rejected.problems.back().message.find("/d/b.toml"), std::string::npos);
}

Definitions One(const std::string& content) {
  return JudgeSnapshot({{File("a", content)}, {}}, Judge, {});
}

TEST(Desired, KeepsTheLastGoodDefinitionAndCountsGenerations) {
  Desired desired = Advance({}, One(kGood));
  EXPECT_EQ(desired.at("a").generation, 1u);
  EXPECT_EQ(desired.at("a").target_generation, 1u);
  desired = Advance(desired, One("nonsense"));
  EXPECT_FALSE(desired.at("a").newest.config);
  ASSERT_TRUE(desired.at("a").target);
  EXPECT_EQ(desired.at("a").generation, 2u);
  EXPECT_EQ(desired.at("a").target_generation, 1u);
  EXPECT_EQ(NamesIn(desired), (NamesByFile{{"/d/a.toml", "a"}}));
  desired = Advance(desired, One("nonsense"));
  EXPECT_EQ(desired.at("a").generation, 2u);
  desired = Advance(desired, One(std::string(kGood) + "tasks.max = 2\n"));
  EXPECT_EQ(desired.at("a").target_generation, 3u);
  EXPECT_EQ(desired.at("a").target->tasks_max, 2);
}

TEST(Desired, ForgetsTheLastGoodDefinitionOfWhatWasRemoved) {
  Desired desired = Advance({}, One(kGood));
  desired = Advance(desired, {});
  EXPECT_TRUE(desired.empty());
  desired = Advance(desired, One("nonsense"));
  EXPECT_FALSE(desired.at("a").target);
}

}  // namespace
}  // namespace khs::reconcile
