#include "reconcile/plan.h"

#include <gtest/gtest.h>

#include <optional>

namespace khs::reconcile {
namespace {

using namespace std::chrono_literals;
using State = Standing::State;

const base::MonotonicTime kNow{1h};

config::ConnectorConfig Config(const std::string& url = "http://a/") {
  config::ConnectorConfig config;
  config.name = "a";
  config.endpoint.url = url;
  return config;
}
Wanted Target(const config::ConnectorConfig& config) {
  Wanted wanted;
  wanted.target = config;
  return wanted;
}

// The one step for a connector that should be as `wanted` and is in a state.
Step StepFor(const std::optional<Wanted>& wanted, State state,
             const config::ConnectorConfig& running = Config(),
             base::MonotonicTime retry_at = kNow + 1s) {
  const Desired desired = wanted ? Desired{{"a", *wanted}} : Desired{};
  const auto steps = MakePlan(
      desired, {{"a", {state, state == State::kNothing ? nullptr : &running, retry_at}}}, kNow);
  EXPECT_EQ(steps.size(), 1u);
  return steps.at(0);
}
Action ActionFor(const std::optional<Wanted>& wanted, State state,
                 const config::ConnectorConfig& running = Config(),
                 base::MonotonicTime retry_at = kNow + 1s) {
  return StepFor(wanted, state, running, retry_at).action;
}

TEST(Plan, StartsWhatIsNew) {
  EXPECT_EQ(MakePlan({{"a", Target(Config())}}, {}, kNow).at(0), (Step{"a", Action::kStart}));
}

TEST(Plan, StopsWhatIsGoneBeforeItStartsAnything) {
  const auto running = Config();
  const auto steps =
      MakePlan({{"a", Target(Config())}}, {{"z", {State::kWorking, &running, {}}}}, kNow);
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[0], (Step{"z", Action::kStop}));
  EXPECT_EQ(steps[1], (Step{"a", Action::kStart}));
}

TEST(Plan, DoesTheLeastThatADifferenceAsksFor) {
  EXPECT_EQ(ActionFor(Target(Config()), State::kWorking), Action::kKeep);
  const Step applied = StepFor(Target(Config("http://b/")), State::kWorking);
  EXPECT_EQ(applied.action, Action::kApply);
  EXPECT_TRUE(applied.difference.endpoint);
  auto two = Config();
  two.tasks_max = 2;
  EXPECT_EQ(ActionFor(Target(two), State::kWorking), Action::kRestart);
}

TEST(Plan, ADefinitionThatChangedInAnyWayRevivesAConnectorThatStopped) {
  EXPECT_EQ(ActionFor(Target(Config()), State::kFailed), Action::kKeep);
  EXPECT_EQ(ActionFor(Target(Config("http://b/")), State::kFailed), Action::kRestart);
}

TEST(Plan, TriesAStartThatFailedAgainInTimeOrByAnotherDefinition) {
  EXPECT_EQ(ActionFor(Target(Config()), State::kCannotStart), Action::kKeep);
  EXPECT_EQ(ActionFor(Target(Config()), State::kCannotStart, Config(), kNow), Action::kRestart);
  EXPECT_EQ(ActionFor(Target(Config("http://b/")), State::kCannotStart), Action::kRestart);
}

TEST(Plan, LetsWhatEndsEndWhateverIsWantedMeanwhile) {
  EXPECT_EQ(ActionFor(std::nullopt, State::kEnding), Action::kKeep);
  EXPECT_EQ(ActionFor(Target(Config()), State::kEnding), Action::kKeep);
  EXPECT_EQ(ActionFor(Target(Config("http://b/")), State::kEnding), Action::kKeep);
}

TEST(Plan, ShowsAnInvalidDefinitionAndStartsItWhenItIsMended) {
  EXPECT_EQ(MakePlan({{"a", Wanted{}}}, {}, kNow).at(0), (Step{"a", Action::kShowFailed}));
  EXPECT_EQ(ActionFor(Wanted{}, State::kNothing), Action::kShowFailed);
  EXPECT_EQ(ActionFor(Target(Config()), State::kNothing), Action::kStart);
}

TEST(Plan, ForgetsWhatHasEndedAndIsWantedNoMore) {
  EXPECT_EQ(ActionFor(std::nullopt, State::kNothing), Action::kForget);
  EXPECT_EQ(ActionFor(std::nullopt, State::kFailed), Action::kStop);
}

}  // namespace
}  // namespace khs::reconcile
