#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/clock.h"
#include "reconcile/debounce.h"

namespace khs::reconcile {

// When to look at the definitions: some quiet time after an event, at once when somebody asks, when
// a look wants another, and every now and then in any case. Pure.
class ScanSchedule {
 public:
  ScanSchedule(std::chrono::milliseconds debounce, std::chrono::milliseconds rescan_interval)
      : debounce_(debounce), rescan_interval_(rescan_interval) {}

  void Changed(base::MonotonicTime now, bool writing) { debounce_.Note(now, writing); }

  base::MonotonicTime due() const {
    base::MonotonicTime due = next_rescan_;
    if (asked_) due = std::min(due, *asked_);
    if (const auto quiet = debounce_.due()) due = std::min(due, *quiet);
    return due;
  }

  // About to look. What happens from here on asks for another look.
  void Begin(base::MonotonicTime now) {
    asked_.reset();
    debounce_.Reset();
    next_rescan_ = now + rescan_interval_;
  }
  void Ask(base::MonotonicTime time) { asked_ = asked_ ? std::min(*asked_, time) : time; }

 private:
  Debounce debounce_;
  const std::chrono::milliseconds rescan_interval_;
  std::optional<base::MonotonicTime> asked_;
  base::MonotonicTime next_rescan_{};  // the first look is due at once
};

}  // namespace khs::reconcile
