#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/clock.h"

namespace khs::reconcile {

// The time of a scan after change events: when it was quiet for a while and no file is being
// written, but not delayed forever. Pure.
class Debounce {
 public:
  // The total delay is ten times `quiet` at most.
  explicit Debounce(std::chrono::milliseconds quiet) : quiet_(quiet) {}

  // Records an event. `writing`: a file was written to and is not closed yet.
  void Note(base::MonotonicTime now, bool writing) {
    if (!pending_) first_ = now;
    pending_ = true;
    last_ = now;
    writing_ = writing;
  }

  // None without an event.
  std::optional<base::MonotonicTime> due() const {
    if (!pending_) return std::nullopt;
    const base::MonotonicTime latest = first_ + 10 * quiet_;
    return writing_ ? latest : std::min(latest, last_ + quiet_);
  }

  // Call this before a scan.
  void Reset() { pending_ = false; }

 private:
  const std::chrono::milliseconds quiet_;
  bool pending_ = false;
  base::MonotonicTime first_{};
  base::MonotonicTime last_{};
  bool writing_ = false;
};

}  // namespace khs::reconcile
