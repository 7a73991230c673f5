#pragma once

#include <mutex>
#include <utility>

#include "connect/record_errors.h"

namespace khs::metrics {

// The errors of a connector, for its status. Shared by its ConnectorMetrics, which adds to it, and
// by the published status. Any thread.
class ErrorHistory {
 public:
  void AddRetry() {
    const std::lock_guard lock(mutex_);
    ++errors_.retries;
  }
  void AddDrop() {
    const std::lock_guard lock(mutex_);
    ++errors_.dropped;
  }
  void SetLast(connect::RecordError error) {
    const std::lock_guard lock(mutex_);
    errors_.last = std::move(error);
  }
  connect::RecordErrors Read() const {
    const std::lock_guard lock(mutex_);
    return errors_;
  }

 private:
  mutable std::mutex mutex_;
  connect::RecordErrors errors_;
};

}  // namespace khs::metrics
