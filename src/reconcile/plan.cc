#include "reconcile/plan.h"

namespace khs::reconcile {
namespace {

using connect::TargetState;
using metrics::RestartReason;

Step StepWithoutDefinition(const std::string& name, const ObservedConnector& observed) {
  return {.name = name,
          .action = observed.phase == Phase::kDraining ? Action::kAwaitEnd : Action::kRemove,
          .stays_stopped = observed.stays_stopped};
}

// Nothing when the tasks can go on.
std::optional<RestartReason> WhyRestart(const DesiredConnector& desired,
                                        const ObservedConnector& observed,
                                        const Difference& difference, bool requested,
                                        base::MonotonicTime now) {
  // A new definition also restarts a connector that failed.
  const bool works = observed.phase == Phase::kStarting || observed.phase == Phase::kRunning;
  if (difference.restart || (difference.any() && !works)) {
    return *observed.written == desired.config_written ? RestartReason::kSecret
                                                       : RestartReason::kConfig;
  }
  if (requested) return RestartReason::kApi;
  const bool retry = observed.phase == Phase::kSuperseded ||
                     (observed.phase == Phase::kCannotStart && now >= observed.retry_at);
  if (retry) return RestartReason::kError;
  return std::nullopt;
}

Step StepWithoutTasks(const std::string& name, const DesiredConnector& desired,
                      bool stays_stopped) {
  if (desired.config && !stays_stopped) {
    return {.name = name,
            .action = Action::kStart,
            .paused = desired.target_state == TargetState::kPaused};
  }
  return {.name = name,
          .action = Action::kPublishStatus,
          .stays_stopped = desired.target_state != TargetState::kStarted};
}

Step StepWithTasks(const std::string& name, const DesiredConnector& desired,
                   const ObservedConnector& observed, bool restart_requested,
                   base::MonotonicTime now) {
  if (!desired.config) return {.name = name, .action = Action::kKeep};
  const Difference difference = Compare(*observed.config, *desired.config);
  const auto reason = WhyRestart(desired, observed, difference, restart_requested, now);
  if (reason) {
    return {.name = name,
            .action = Action::kRestart,
            .difference = difference,
            .restart_reason = reason,
            .paused = desired.target_state == TargetState::kPaused};
  }
  return {.name = name,
          .action = difference.any() ? Action::kApply : Action::kKeep,
          .difference = difference};
}

void AddSteps(std::vector<Step>& steps, const std::string& name, const DesiredConnector& desired,
              const ObservedConnector& observed, bool restart_requested, base::MonotonicTime now) {
  const bool paused = desired.target_state == TargetState::kPaused;
  const bool stopped = desired.target_state == TargetState::kStopped;
  const bool stays_stopped = stopped || (paused && observed.stays_stopped);
  if (observed.phase == Phase::kDraining) {
    steps.push_back({.name = name, .action = Action::kAwaitEnd, .stays_stopped = stays_stopped});
  } else if (observed.phase == Phase::kAbsent) {
    steps.push_back(StepWithoutTasks(name, desired, stays_stopped));
  } else if (stopped) {
    steps.push_back({.name = name, .action = Action::kStop, .stays_stopped = true});
  } else {
    steps.push_back(StepWithTasks(name, desired, observed, restart_requested, now));
    if (steps.back().action == Action::kRestart || paused == observed.paused) return;
    steps.push_back({.name = name, .action = paused ? Action::kPause : Action::kResume});
  }
}

}  // namespace

std::vector<Step> MakePlan(const Desired& desired, const Observed& observed,
                           const std::set<std::string>& restart_requests, base::MonotonicTime now) {
  std::vector<Step> steps;
  for (const auto& [name, connector] : observed) {
    if (!desired.contains(name)) steps.push_back(StepWithoutDefinition(name, connector));
  }
  for (const auto& [name, connector] : desired) {
    const auto found = observed.find(name);
    AddSteps(steps, name, connector, found == observed.end() ? ObservedConnector{} : found->second,
             restart_requests.contains(name), now);
  }
  return steps;
}

}  // namespace khs::reconcile
