#include "reconcile/views.h"

#include "config/problem.h"

namespace khs::reconcile {
namespace {

using metrics::ConnectorState;

rest::RunState ShownState(ConnectorState state) {
  switch (state) {
    case ConnectorState::kUnassigned:
      return rest::RunState::kUnassigned;
    case ConnectorState::kRunning:
      return rest::RunState::kRunning;
    case ConnectorState::kPaused:
      return rest::RunState::kPaused;
    case ConnectorState::kStopped:
      return rest::RunState::kStopped;
    case ConnectorState::kRestarting:
      return rest::RunState::kRestarting;
    case ConnectorState::kFailed:
      break;
  }
  return rest::RunState::kFailed;
}

}  // namespace

metrics::ConnectorState StateOf(const Entry& entry, const Wanted* wanted) {
  const Target target = wanted != nullptr ? wanted->state : Target::kStopped;
  if (entry.ending) {
    if (wanted == nullptr) return ConnectorState::kUnassigned;
    // It is stopped when it has left its group, and not before.
    if (target == Target::kStopped) return ConnectorState::kRunning;
    const bool stays = target == Target::kPaused && entry.was_stopped;
    return stays ? ConnectorState::kPaused : ConnectorState::kRestarting;
  }
  if (!entry.connector) {
    if (target == Target::kStopped) return ConnectorState::kStopped;
    return entry.was_stopped ? ConnectorState::kPaused : ConnectorState::kFailed;
  }
  switch (entry.connector->health()) {
    case Connector::Health::kStarting:
      return ConnectorState::kUnassigned;
    case Connector::Health::kRunning:
      return target == Target::kPaused ? ConnectorState::kPaused : ConnectorState::kRunning;
    case Connector::Health::kFailed:
    case Connector::Health::kOvertaken:
    case Connector::Health::kCannotStart:
      break;
  }
  return ConnectorState::kFailed;
}

ConnectorView ViewOf(const std::string& name, const Wanted& wanted, const Entry* entry) {
  ConnectorView view;
  view.origin = wanted.newest.origin;
  view.invalid = !wanted.newest.config;
  view.target = wanted.target;
  view.is_to_stop = wanted.state == Target::kStopped;
  rest::ConnectorStatus& status = view.status;
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
  status.state = ShownState(StateOf(*entry, &wanted));
  if (entry->refused) status.trace += entry->refused->why;
  if (!entry->connector) return view;
  status.trace += entry->connector->trace();
  status.tasks = entry->connector->tasks();
  status.warnings = entry->connector->warnings();
  // In Kafka Connect's words a connector runs while its tasks join their group, have failed, or are
  // replaced because of another definition.
  const bool only_tasks =
      !status.tasks.empty() &&
      (status.state == rest::RunState::kUnassigned || status.state == rest::RunState::kFailed ||
       (status.state == rest::RunState::kRestarting && !entry->restart_asked));
  if (only_tasks) {
    status.state =
        wanted.state == Target::kPaused ? rest::RunState::kPaused : rest::RunState::kRunning;
  }
  for (rest::TaskStatus& task : status.tasks) {
    if (entry->ending && !entry->was_stopped) task.state = rest::RunState::kRestarting;
    view.info.tasks.push_back(task.id);
  }
  return view;
}

}  // namespace khs::reconcile
