#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/clock.h"

namespace khs::reconcile {

// The time of the next scan of the definitions: periodically, when one is requested, and after an
// event, after a quiet time in which no file is being written, but not delayed forever. Owned by
// the reconciler. Pure.
class ScanSchedule {
 public:
  // An event's scan is delayed by ten times `debounce` at most.
  ScanSchedule(std::chrono::milliseconds debounce, std::chrono::milliseconds rescan_interval)
      : debounce_(debounce), rescan_interval_(rescan_interval) {}

  // `writing`: a file was written to and is not closed yet.
  void Changed(base::MonotonicTime now, bool writing) {
    if (!pending_) first_event_ = now;
    pending_ = true;
    last_event_ = now;
    writing_ = writing;
  }

  base::MonotonicTime due() const {
    base::MonotonicTime due = next_rescan_;
    if (requested_) due = std::min(due, *requested_);
    if (!pending_) return due;
    due = std::min(due, first_event_ + 10 * debounce_);
    return writing_ ? due : std::min(due, last_event_ + debounce_);
  }

  // Call this before a scan: later events need another one.
  void Begin(base::MonotonicTime now) {
    requested_.reset();
    pending_ = false;
    next_rescan_ = now + rescan_interval_;
  }
  void Request(base::MonotonicTime time) {
    requested_ = requested_ ? std::min(*requested_, time) : time;
  }

 private:
  const std::chrono::milliseconds debounce_;
  const std::chrono::milliseconds rescan_interval_;
  std::optional<base::MonotonicTime> requested_;
  base::MonotonicTime next_rescan_{};  // the first scan is due at once
  bool pending_ = false;               // an event came since the last scan
  base::MonotonicTime first_event_{};
  base::MonotonicTime last_event_{};
  bool writing_ = false;
};

}  // namespace khs::reconcile
