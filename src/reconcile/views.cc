#include "reconcile/views.h"

#include "config/problem.h"

namespace khs::reconcile {
namespace {

using connect::RunState;
using connect::TargetState;

}  // namespace

RunState StateOf(const Entry& entry, const Wanted* wanted) {
  const TargetState target = wanted != nullptr ? wanted->state : TargetState::kStopped;
  if (entry.ending) {
    if (wanted == nullptr) return RunState::kUnassigned;
    // It is stopped when it has left its group, and not before.
    if (target == TargetState::kStopped) return RunState::kRunning;
    const bool stays = target == TargetState::kPaused && entry.was_stopped;
    return stays ? RunState::kPaused : RunState::kRestarting;
  }
  if (!entry.connector) {
    if (target == TargetState::kStopped) return RunState::kStopped;
    return entry.was_stopped ? RunState::kPaused : RunState::kFailed;
  }
  switch (entry.connector->health()) {
    case Connector::Health::kStarting:
      return RunState::kUnassigned;
    case Connector::Health::kRunning:
      return target == TargetState::kPaused ? RunState::kPaused : RunState::kRunning;
    case Connector::Health::kFailed:
    case Connector::Health::kOvertaken:
    case Connector::Health::kCannotStart:
      break;
  }
  return RunState::kFailed;
}

ConnectorView ViewOf(const std::string& name, const Wanted& wanted, const Entry* entry) {
  ConnectorView view;
  view.origin = wanted.newest.origin;
  view.invalid = !wanted.newest.config;
  view.target = wanted.target;
  view.is_to_stop = wanted.state == TargetState::kStopped;
  connect::ConnectorStatus& status = view.status;
  status.name = view.info.name = name;
  status.origin = view.origin == Origin::kFile ? "file" : "rest";
  if (view.origin == Origin::kFile) status.file = wanted.newest.file;
  status.generation = wanted.generation;
  view.info.config = wanted.newest.written;
  view.info.config["name"] = name;
  if (view.invalid) {
    for (const config::Problem& problem : wanted.newest.problems) {
      status.trace += config::Format(problem) + '\n';
    }
  }
  if (entry == nullptr) return view;
  view.stopped = view.is_to_stop && !entry->connector;
  status.observed_generation = entry->generation;
  status.state = StateOf(*entry, &wanted);
  if (entry->refused) status.trace += entry->refused->why;
  if (!entry->connector) return view;
  status.trace += entry->connector->trace();
  status.tasks = entry->connector->tasks();
  status.warnings = entry->connector->warnings();
  // In Kafka Connect's words a connector runs while its tasks join their group, have failed, or are
  // replaced because of another definition.
  const bool only_tasks =
      !status.tasks.empty() &&
      (status.state == RunState::kUnassigned || status.state == RunState::kFailed ||
       (status.state == RunState::kRestarting && !entry->restart_asked));
  if (only_tasks) {
    status.state = wanted.state == TargetState::kPaused ? RunState::kPaused : RunState::kRunning;
  }
  for (connect::TaskStatus& task : status.tasks) {
    if (entry->ending && !entry->was_stopped) task.state = RunState::kRestarting;
    view.info.tasks.push_back(task.id);
  }
  return view;
}

}  // namespace khs::reconcile
