#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/clock.h"

namespace khs::reconcile {

// When to look after events that say "look again": once it was quiet for a while and nobody is in
// the middle of writing, but not put off for ever. Pure.
class Debounce {
 public:
  // At most ten times `quiet` in total.
  explicit Debounce(std::chrono::milliseconds quiet) : quiet_(quiet) {}

  // An event. `writing`: a file was written to and not closed yet.
  void Note(base::MonotonicTime now, bool writing) {
    if (!pending_) first_ = now;
    pending_ = true;
    last_ = now;
    writing_ = writing;
  }

  // None while there is nothing to look for.
  std::optional<base::MonotonicTime> due() const {
    if (!pending_) return std::nullopt;
    const base::MonotonicTime latest = first_ + 10 * quiet_;
    return writing_ ? latest : std::min(latest, last_ + quiet_);
  }

  // About to look.
  void Reset() { pending_ = false; }

 private:
  const std::chrono::milliseconds quiet_;
  bool pending_ = false;
  base::MonotonicTime first_{};
  base::MonotonicTime last_{};
  bool writing_ = false;
};

}  // namespace khs::reconcile
