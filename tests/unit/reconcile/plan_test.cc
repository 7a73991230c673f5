#include "reconcile/plan.h"

#include <gtest/gtest.h>

#include <optional>

namespace khs::reconcile {
namespace {

using connect::TargetState;
using namespace std::chrono_literals;
using State = Standing::State;

const base::MonotonicTime kNow{1h};

config::ConnectorConfig Config(const std::string& url = "http://a/") {
  config::ConnectorConfig config;
  config.name = "a";
  config.endpoint.url = url;
  return config;
}
Wanted Running(const config::ConnectorConfig& config) {
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
      desired, {{"a", {state, state == State::kNothing ? nullptr : &running, retry_at, false}}},
      kNow);
  EXPECT_EQ(steps.size(), 1u);
  return steps.at(0);
}
Action ActionFor(const std::optional<Wanted>& wanted, State state,
                 const config::ConnectorConfig& running = Config(),
                 base::MonotonicTime retry_at = kNow + 1s) {
  return StepFor(wanted, state, running, retry_at).action;
}

TEST(Plan, StartsWhatIsNew) {
  EXPECT_EQ(MakePlan({{"a", Running(Config())}}, {}, kNow).at(0), (Step{"a", Action::kStart}));
}

TEST(Plan, StopsWhatIsGoneBeforeItStartsAnything) {
  const auto running = Config();
  const auto steps =
      MakePlan({{"a", Running(Config())}}, {{"z", {State::kWorking, &running, {}, false}}}, kNow);
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[0], (Step{"z", Action::kStop}));
  EXPECT_EQ(steps[1], (Step{"a", Action::kStart}));
}

TEST(Plan, DoesTheLeastThatADifferenceAsksFor) {
  EXPECT_EQ(ActionFor(Running(Config()), State::kWorking), Action::kKeep);
  const Step applied = StepFor(Running(Config("http://b/")), State::kWorking);
  EXPECT_EQ(applied.action, Action::kApply);
  EXPECT_TRUE(applied.difference.endpoint);
  auto two = Config();
  two.tasks_max = 2;
  EXPECT_EQ(ActionFor(Running(two), State::kWorking), Action::kApply);
  EXPECT_EQ(ActionFor(Running(Config()), State::kWorking, two), Action::kRestart);
}

TEST(Plan, ADefinitionThatChangedInAnyWayRevivesAConnectorThatStopped) {
  EXPECT_EQ(ActionFor(Running(Config()), State::kFailed), Action::kKeep);
  EXPECT_EQ(ActionFor(Running(Config("http://b/")), State::kFailed), Action::kRestart);
}

TEST(Plan, TriesAStartThatFailedAgainInTimeOrByAnotherDefinition) {
  EXPECT_EQ(ActionFor(Running(Config()), State::kCannotStart), Action::kKeep);
  EXPECT_EQ(ActionFor(Running(Config()), State::kCannotStart, Config(), kNow), Action::kRestart);
  EXPECT_EQ(ActionFor(Running(Config("http://b/")), State::kCannotStart), Action::kRestart);
}

TEST(Plan, LetsWhatEndsEndWhateverIsWantedMeanwhile) {
  EXPECT_EQ(ActionFor(std::nullopt, State::kEnding), Action::kKeep);
  EXPECT_EQ(ActionFor(Running(Config()), State::kEnding), Action::kKeep);
  EXPECT_EQ(ActionFor(Running(Config("http://b/")), State::kEnding), Action::kKeep);
}

TEST(Plan, ShowsAnInvalidDefinitionAndStartsItWhenItIsMended) {
  EXPECT_EQ(MakePlan({{"a", Wanted{}}}, {}, kNow).at(0), (Step{"a", Action::kShow}));
  EXPECT_EQ(ActionFor(Wanted{}, State::kNothing), Action::kShow);
  EXPECT_EQ(ActionFor(Running(Config()), State::kNothing), Action::kStart);
}

TEST(Plan, ForgetsWhatHasEndedAndIsWantedNoMore) {
  EXPECT_EQ(ActionFor(std::nullopt, State::kNothing), Action::kForget);
  EXPECT_EQ(ActionFor(std::nullopt, State::kFailed), Action::kStop);
}

Wanted WithState(TargetState state) {
  Wanted wanted = Running(Config());
  wanted.state = state;
  return wanted;
}

TEST(Plan, StopsWhatIsToBeStoppedAndStartsNothing) {
  for (const State state : {State::kWorking, State::kFailed, State::kCannotStart}) {
    EXPECT_EQ(ActionFor(WithState(TargetState::kStopped), state), Action::kStop);
  }
  EXPECT_EQ(ActionFor(WithState(TargetState::kStopped), State::kNothing), Action::kShow);
  EXPECT_EQ(ActionFor(WithState(TargetState::kStopped), State::kEnding), Action::kKeep);
}

TEST(Plan, APausedConnectorRunsUnlessItWasStoppedBefore) {
  EXPECT_EQ(ActionFor(WithState(TargetState::kPaused), State::kNothing), Action::kStart);
  EXPECT_EQ(ActionFor(WithState(TargetState::kPaused), State::kWorking), Action::kKeep);
  const Actual stopped{{"a", {State::kNothing, nullptr, {}, true}}};
  EXPECT_EQ(MakePlan({{"a", WithState(TargetState::kPaused)}}, stopped, kNow).at(0).action,
            Action::kShow);
  EXPECT_EQ(MakePlan({{"a", WithState(TargetState::kStarted)}}, stopped, kNow).at(0).action,
            Action::kStart);
}

}  // namespace
}  // namespace khs::reconcile
