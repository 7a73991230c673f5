#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "metrics/connector_metrics.h"
#include "reconcile/desired.h"
#include "reconcile/difference.h"
#include "reconcile/phase.h"

namespace khs::reconcile {

// What exists of one connector.
struct ObservedConnector {
  Phase phase = Phase::kAbsent;
  // The definition that it runs by, and its keys as they were written; null when kAbsent.
  const config::ConnectorConfig* config = nullptr;
  const std::map<std::string, std::string>* written = nullptr;
  base::MonotonicTime retry_at = {};  // of kCannotStart
  bool paused = false;                // its tasks are paused
  // It was stopped by its target state, and the target has not been STARTED since. Kafka Connect
  // makes no tasks for a stopped connector that is paused.
  bool stays_stopped = false;
};
using Observed = std::map<std::string, ObservedConnector>;

// What is done with a connector.
enum class Action {
  kStart,
  kApply,          // apply the difference to the running tasks
  kRestart,        // drain, and start again as soon as it has ended
  kPause,          // pause the running tasks
  kResume,         // resume them
  kStop,           // drain, because the target state is STOPPED
  kRemove,         // drain if it runs, and remove the name as soon as it has ended
  kAwaitEnd,       // it drains: wait
  kKeep,           // it runs as desired
  kPublishStatus,  // nothing runs and nothing should: show why
};

// An action on one connector.
struct Step {
  std::string name;
  Action action;
  Difference difference = {};                                           // of kApply and kRestart
  std::optional<metrics::RestartReason> restart_reason = std::nullopt;  // of kRestart
  bool paused = false;         // of kStart and kRestart: the tasks start paused
  bool stays_stopped = false;  // ObservedConnector::stays_stopped after this step

  bool operator==(const Step&) const = default;
};

// The whole decision, pure and level-triggered: it compares what should run with what runs and does
// not know what happened. `restart_requests` are the connectors that a caller wants restarted; a
// request counts for this plan only. The steps of a connector stand in the order of execution.
// Definitions are compared as they were parsed, so comments and touched files change nothing.
std::vector<Step> MakePlan(const Desired& desired, const Observed& observed,
                           const std::set<std::string>& restart_requests, base::MonotonicTime now);

}  // namespace khs::reconcile
