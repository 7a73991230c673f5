#include "reconcile/plan.h"

#include <gtest/gtest.h>

#include <optional>

namespace khs::reconcile {
namespace {

using connect::TargetState;
using metrics::RestartReason;
using namespace std::chrono_literals;

const base::MonotonicTime kNow{1h};
const std::map<std::string, std::string> kWritten{{"url", "as written"}};

config::ConnectorConfig Config(const std::string& url = "http://a/") {
  config::ConnectorConfig config;
  config.name = "a";
  config.endpoint.url = url;
  return config;
}
DesiredConnector Running(const config::ConnectorConfig& config,
                         TargetState state = TargetState::kStarted) {
  DesiredConnector desired;
  desired.config = config;
  desired.config_written = {{"url", "as it is written now"}};
  desired.target_state = state;
  return desired;
}
DesiredConnector InState(TargetState state) { return Running(Config(), state); }

ObservedConnector InPhase(Phase phase, const config::ConnectorConfig& config,
                          base::MonotonicTime retry_at = kNow + 1s) {
  ObservedConnector observed;
  observed.phase = phase;
  if (phase != Phase::kAbsent) {
    observed.config = &config;
    observed.written = &kWritten;
  }
  observed.retry_at = retry_at;
  return observed;
}

std::vector<Step> StepsFor(const std::optional<DesiredConnector>& desired,
                           const ObservedConnector& observed, bool restart_requested = false) {
  std::set<std::string> restart_requests;
  if (restart_requested) restart_requests.insert("a");
  return MakePlan(desired ? Desired{{"a", *desired}} : Desired{}, {{"a", observed}},
                  restart_requests, kNow);
}

// The only step for a connector in a phase.
Step StepFor(const std::optional<DesiredConnector>& desired, Phase phase,
             const config::ConnectorConfig& running = Config(),
             base::MonotonicTime retry_at = kNow + 1s) {
  const auto steps = StepsFor(desired, InPhase(phase, running, retry_at));
  EXPECT_EQ(steps.size(), 1u);
  return steps.at(0);
}
Action ActionFor(const std::optional<DesiredConnector>& desired, Phase phase,
                 const config::ConnectorConfig& running = Config(),
                 base::MonotonicTime retry_at = kNow + 1s) {
  return StepFor(desired, phase, running, retry_at).action;
}

TEST(Plan, StartsANewConnector) {
  EXPECT_EQ(MakePlan({{"a", Running(Config())}}, {}, {}, kNow).at(0), (Step{"a", Action::kStart}));
}

TEST(Plan, RemovesConnectorsBeforeItStartsAnything) {
  const auto running = Config();
  const auto steps =
      MakePlan({{"a", Running(Config())}}, {{"z", InPhase(Phase::kRunning, running)}}, {}, kNow);
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[0], (Step{"z", Action::kRemove}));
  EXPECT_EQ(steps[1], (Step{"a", Action::kStart}));
}

TEST(Plan, TakesTheLeastDisturbingActionForADifference) {
  EXPECT_EQ(ActionFor(Running(Config()), Phase::kRunning), Action::kKeep);
  const Step applied = StepFor(Running(Config("http://b/")), Phase::kRunning);
  EXPECT_EQ(applied.action, Action::kApply);
  EXPECT_TRUE(applied.difference.endpoint);
  auto two = Config();
  two.tasks_max = 2;
  EXPECT_EQ(ActionFor(Running(two), Phase::kRunning), Action::kApply);
  const Step restarted = StepFor(Running(Config()), Phase::kRunning, two);
  EXPECT_EQ(restarted.action, Action::kRestart);
  EXPECT_EQ(restarted.restart_reason, RestartReason::kConfig);
}

TEST(Plan, TellsAChangedSecretFromAChangedDefinition) {
  auto desired = Running(Config());
  desired.config_written = kWritten;
  auto two = Config();
  two.tasks_max = 2;
  EXPECT_EQ(StepFor(desired, Phase::kRunning, two).restart_reason, RestartReason::kSecret);
}

TEST(Plan, RestartsAFailedConnectorForAnyNewDefinition) {
  EXPECT_EQ(ActionFor(Running(Config()), Phase::kFailed), Action::kKeep);
  EXPECT_EQ(ActionFor(Running(Config("http://b/")), Phase::kFailed), Action::kRestart);
}

TEST(Plan, RestartsAConnectorWhoseNewDefinitionCameTooLate) {
  const Step step = StepFor(Running(Config()), Phase::kSuperseded);
  EXPECT_EQ(step.action, Action::kRestart);
  EXPECT_EQ(step.restart_reason, RestartReason::kError);
}

TEST(Plan, RetriesAFailedStartInTimeOrForANewDefinition) {
  EXPECT_EQ(ActionFor(Running(Config()), Phase::kCannotStart), Action::kKeep);
  const Step retry = StepFor(Running(Config()), Phase::kCannotStart, Config(), kNow);
  EXPECT_EQ(retry.action, Action::kRestart);
  EXPECT_EQ(retry.restart_reason, RestartReason::kError);
  EXPECT_EQ(ActionFor(Running(Config("http://b/")), Phase::kCannotStart), Action::kRestart);
}

TEST(Plan, AwaitsTheEndOfADrainWhateverIsDesired) {
  EXPECT_EQ(ActionFor(std::nullopt, Phase::kDraining), Action::kAwaitEnd);
  EXPECT_EQ(ActionFor(Running(Config()), Phase::kDraining), Action::kAwaitEnd);
  EXPECT_EQ(ActionFor(Running(Config("http://b/")), Phase::kDraining), Action::kAwaitEnd);
}

TEST(Plan, PublishesAnInvalidDefinitionAndStartsItOnceItIsValid) {
  EXPECT_EQ(MakePlan({{"a", DesiredConnector{}}}, {}, {}, kNow).at(0),
            (Step{"a", Action::kPublishStatus}));
  EXPECT_EQ(ActionFor(DesiredConnector{}, Phase::kAbsent), Action::kPublishStatus);
  EXPECT_EQ(ActionFor(Running(Config()), Phase::kAbsent), Action::kStart);
}

TEST(Plan, RemovesWhatIsNotDesired) {
  for (const Phase phase : {Phase::kAbsent, Phase::kRunning, Phase::kFailed, Phase::kCannotStart}) {
    EXPECT_EQ(ActionFor(std::nullopt, phase), Action::kRemove);
  }
}

TEST(Plan, StopsAConnectorWhoseTargetStateIsStopped) {
  for (const Phase phase : {Phase::kRunning, Phase::kFailed, Phase::kCannotStart}) {
    const Step step = StepFor(InState(TargetState::kStopped), phase);
    EXPECT_EQ(step.action, Action::kStop);
    EXPECT_TRUE(step.stays_stopped);
  }
  EXPECT_EQ(ActionFor(InState(TargetState::kStopped), Phase::kAbsent), Action::kPublishStatus);
  EXPECT_EQ(ActionFor(InState(TargetState::kStopped), Phase::kDraining), Action::kAwaitEnd);
}

TEST(Plan, StartsAPausedConnectorUnlessItWasStoppedBefore) {
  const Step start = StepFor(InState(TargetState::kPaused), Phase::kAbsent);
  EXPECT_EQ(start.action, Action::kStart);
  EXPECT_TRUE(start.paused);
  ObservedConnector stopped;
  stopped.stays_stopped = true;
  const auto paused = StepsFor(InState(TargetState::kPaused), stopped);
  EXPECT_EQ(
      paused,
      (std::vector<Step>{{.name = "a", .action = Action::kPublishStatus, .stays_stopped = true}}));
  const auto started = StepsFor(InState(TargetState::kStarted), stopped);
  EXPECT_EQ(started, (std::vector<Step>{{"a", Action::kStart}}));
}

TEST(Plan, PausesAndResumesWhatRuns) {
  const auto config = Config();
  ObservedConnector observed = InPhase(Phase::kRunning, config);
  EXPECT_EQ(StepsFor(InState(TargetState::kPaused), observed),
            (std::vector<Step>{{"a", Action::kKeep}, {"a", Action::kPause}}));
  observed.paused = true;
  EXPECT_EQ(StepsFor(InState(TargetState::kPaused), observed),
            (std::vector<Step>{{"a", Action::kKeep}}));
  EXPECT_EQ(StepsFor(InState(TargetState::kStarted), observed),
            (std::vector<Step>{{"a", Action::kKeep}, {"a", Action::kResume}}));
}

TEST(Plan, AppliesANewDefinitionBeforeItPauses) {
  const auto config = Config();
  const auto steps = StepsFor(Running(Config("http://b/"), TargetState::kPaused),
                              InPhase(Phase::kRunning, config));
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[0].action, Action::kApply);
  EXPECT_EQ(steps[1].action, Action::kPause);
}

TEST(Plan, RestartsOnRequestWhatRuns) {
  const auto config = Config();
  for (const Phase phase :
       {Phase::kStarting, Phase::kRunning, Phase::kFailed, Phase::kCannotStart}) {
    const auto steps = StepsFor(InState(TargetState::kStarted), InPhase(phase, config), true);
    ASSERT_EQ(steps.size(), 1u);
    EXPECT_EQ(steps[0].action, Action::kRestart);
    EXPECT_EQ(steps[0].restart_reason, RestartReason::kApi);
  }
  const auto paused =
      StepsFor(InState(TargetState::kPaused), InPhase(Phase::kRunning, config), true);
  ASSERT_EQ(paused.size(), 1u);
  EXPECT_TRUE(paused[0].paused);
}

TEST(Plan, IgnoresARestartRequestForWhatDoesNotRun) {
  const auto config = Config();
  const auto action = [](const std::optional<DesiredConnector>& desired,
                         const ObservedConnector& observed) {
    return StepsFor(desired, observed, true).at(0).action;
  };
  const auto running = InPhase(Phase::kRunning, config);
  EXPECT_EQ(action(std::nullopt, running), Action::kRemove);
  EXPECT_EQ(action(InState(TargetState::kStopped), running), Action::kStop);
  EXPECT_EQ(action(InState(TargetState::kStarted), InPhase(Phase::kDraining, config)),
            Action::kAwaitEnd);
  EXPECT_EQ(action(InState(TargetState::kStarted), {}), Action::kStart);
  EXPECT_EQ(action(DesiredConnector{}, {}), Action::kPublishStatus);
}

}  // namespace
}  // namespace khs::reconcile
