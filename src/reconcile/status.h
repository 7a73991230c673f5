#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "metrics/connector_metrics.h"
#include "task/task.h"

namespace khs::reconcile {

struct TaskView {
  int id = 0;
  task::TaskState state = task::TaskState::kJoining;
  std::string trace;  // of a failed one
};

// A connector as it stands, for whoever shows it.
struct ConnectorView {
  std::string name;
  std::string file;
  metrics::ConnectorState state = metrics::ConnectorState::kUnassigned;
  // Why it is FAILED, or why its newest definition is rejected, each problem on a line of its own:
  // FILE:LINE:COL: error: KEY: MESSAGE.
  std::string trace;
  bool invalid = false;              // the newest definition is rejected
  uint64_t generation = 0;           // of the newest definition
  uint64_t observed_generation = 0;  // of the one that it runs by; 0 when it never ran
  std::vector<TaskView> tasks;
};

// By name.
using Status = std::vector<ConnectorView>;

}  // namespace khs::reconcile
