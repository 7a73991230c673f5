#include "reconcile/desired.h"

#include <gtest/gtest.h>

namespace khs::reconcile {
namespace {

constexpr const char* kGood = "topics = \"t\"\ncallback.request.url = \"http://127.0.0.1:1/\"\n";

watch::DefinitionFile File(const std::string& stem, const std::string& content) {
  return {"/d/" + stem + ".toml", stem, content, {}};
}

TEST(Desired, NamesAConnectorByItsFileOrByItsName) {
  const Desired desired = JudgeSnapshot(
      {{File("a", kGood), File("b", std::string("name = \"other\"\n") + kGood)}, {}}, {}, {}, {});
  ASSERT_EQ(desired.size(), 2u);
  EXPECT_TRUE(desired.at("a").config.has_value());
  EXPECT_EQ(desired.at("other").file, "/d/b.toml");
}

TEST(Desired, AnInvalidFileConcernsTheConnectorThatItDefinedBefore) {
  const Desired desired =
      JudgeSnapshot({{File("b", "nonsense")}, {}}, {}, {}, {{"/d/b.toml", "other"}});
  ASSERT_EQ(desired.count("other"), 1u);
  EXPECT_FALSE(desired.at("other").config.has_value());
  EXPECT_EQ(desired.at("other").problems.front().position.line, 1);
}

TEST(Desired, AFileThatCannotBeReadIsAnInvalidDefinition) {
  const Desired desired =
      JudgeSnapshot({{{"/d/a.toml", "a", "", "Permission denied"}}, {}}, {}, {}, {});
  ASSERT_EQ(desired.at("a").problems.size(), 1u);
  EXPECT_NE(desired.at("a").problems[0].message.find("Permission denied"), std::string::npos);
}

TEST(Desired, OfTwoDefinitionsOfANameTheRunningOneStaysAndTheOtherNamesBoth) {
  const std::string named = std::string("name = \"x\"\n") + kGood;
  const watch::Snapshot snapshot{{File("a", named), File("b", named)}, {}};
  EXPECT_EQ(JudgeSnapshot(snapshot, {}, {}, {}).at("x").file, "/d/a.toml");
  const Desired desired = JudgeSnapshot(snapshot, {}, {}, {{"/d/b.toml", "x"}});
  EXPECT_EQ(desired.at("x").file, "/d/b.toml");
  const Definition& rejected = desired.at("a");
  EXPECT_FALSE(rejected.config.has_value());
  EXPECT_EQ(rejected.problems.back().file, "/d/a.toml");
  EXPECT_NE(rejected.problems.back().message.find("/d/b.toml"), std::string::npos);
}

}  // namespace
}  // namespace khs::reconcile
