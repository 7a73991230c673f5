#include "reconcile/views.h"

#include "config/problem.h"

namespace khs::reconcile {
namespace {

using connect::RunState;
using connect::TargetState;

}  // namespace

RunState StateOf(const Entry& entry, const DesiredConnector* desired) {
  const TargetState target_state =
      desired != nullptr ? desired->target_state : TargetState::kStopped;
  switch (entry.phase()) {
    case Phase::kAbsent:
      if (target_state == TargetState::kStopped) return RunState::kStopped;
      return entry.stays_stopped ? RunState::kPaused : RunState::kFailed;
    case Phase::kStarting:
      return RunState::kUnassigned;
    case Phase::kRunning:
      return target_state == TargetState::kPaused ? RunState::kPaused : RunState::kRunning;
    case Phase::kDraining:
      if (desired == nullptr) return RunState::kUnassigned;
      // A connector is STOPPED only once it has left its group.
      if (target_state == TargetState::kStopped) return RunState::kRunning;
      return target_state == TargetState::kPaused && entry.stays_stopped ? RunState::kPaused
                                                                         : RunState::kRestarting;
    case Phase::kFailed:
    case Phase::kSuperseded:
    case Phase::kCannotStart:
      break;
  }
  return RunState::kFailed;
}

ConnectorView ViewOf(const std::string& name, const DesiredConnector& desired, const Entry* entry) {
  ConnectorView view;
  view.origin = desired.newest.origin;
  view.invalid = !desired.newest.config;
  view.config = desired.config;
  view.target_state = desired.target_state;
  connect::ConnectorStatus& status = view.status;
  status.name = view.info.name = name;
  status.origin = Name(view.origin);
  if (view.origin == Origin::kFile) status.file = desired.newest.file;
  status.generation = desired.generation;
  view.info.config = desired.newest.written;
  view.info.config["name"] = name;
  if (view.invalid) {
    for (const config::Problem& problem : desired.newest.problems) {
      status.trace += config::Format(problem) + '\n';
    }
  }
  if (entry == nullptr) return view;
  view.stopped = view.target_state == TargetState::kStopped && !entry->connector;
  view.errors = entry->metrics->errors();
  status.observed_generation = entry->generation;
  status.state = StateOf(*entry, &desired);
  if (entry->refused) status.trace += entry->refused->why;
  if (!entry->connector) return view;
  status.trace += entry->connector->trace();
  status.tasks = entry->connector->tasks();
  status.warnings = entry->connector->warnings();
  // Kafka Connect shows a connector as RUNNING while its tasks join their group, have failed, or
  // are restarted because of a new definition.
  const bool only_tasks =
      !status.tasks.empty() &&
      (status.state == RunState::kUnassigned || status.state == RunState::kFailed ||
       (status.state == RunState::kRestarting && !entry->restart_requested));
  if (only_tasks) {
    status.state =
        desired.target_state == TargetState::kPaused ? RunState::kPaused : RunState::kRunning;
  }
  for (connect::TaskStatus& task : status.tasks) {
    if (entry->draining && !entry->stays_stopped) task.state = RunState::kRestarting;
    view.info.tasks.push_back(task.id);
  }
  return view;
}

}  // namespace khs::reconcile
