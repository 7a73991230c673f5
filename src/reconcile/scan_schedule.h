#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/clock.h"
#include "reconcile/debounce.h"

namespace khs::reconcile {

// The time of the next scan of the definitions: after an event once it is quiet, when one is
// requested, and periodically. Pure.
class ScanSchedule {
 public:
  ScanSchedule(std::chrono::milliseconds debounce, std::chrono::milliseconds rescan_interval)
      : debounce_(debounce), rescan_interval_(rescan_interval) {}

  void Changed(base::MonotonicTime now, bool writing) { debounce_.Note(now, writing); }

  base::MonotonicTime due() const {
    base::MonotonicTime due = next_rescan_;
    if (requested_) due = std::min(due, *requested_);
    if (const auto quiet = debounce_.due()) due = std::min(due, *quiet);
    return due;
  }

  // Call this before a scan: later events need another one.
  void Begin(base::MonotonicTime now) {
    requested_.reset();
    debounce_.Reset();
    next_rescan_ = now + rescan_interval_;
  }
  void Request(base::MonotonicTime time) {
    requested_ = requested_ ? std::min(*requested_, time) : time;
  }

 private:
  Debounce debounce_;
  const std::chrono::milliseconds rescan_interval_;
  std::optional<base::MonotonicTime> requested_;
  base::MonotonicTime next_rescan_{};  // the first scan is due at once
};

}  // namespace khs::reconcile
