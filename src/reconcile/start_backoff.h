#pragma once

#include <algorithm>
#include <chrono>

#include "base/clock.h"

namespace khs::reconcile {

// The back-off of a connector that cannot start: 1 s, doubled with every failure in a row up to 5
// min, with a jitter of a fifth. Owned by the connector's Entry. Pure.
class StartBackoff {
 public:
  // `chance` is a random number from 0 to 1.
  void Failed(base::MonotonicTime now, double chance) {
    constexpr std::chrono::milliseconds kFirst{1'000};
    constexpr std::chrono::milliseconds kLongest{300'000};
    const auto delay = std::min(kFirst * (1 << std::min(failures_, 10)), kLongest);
    ++failures_;
    due_ =
        now + std::chrono::duration_cast<std::chrono::milliseconds>(delay * (0.8 + 0.4 * chance));
  }
  // Call this after a successful start or for a new definition.
  void Reset() { failures_ = 0; }

  int failures() const { return failures_; }
  base::MonotonicTime due() const { return due_; }

 private:
  int failures_ = 0;
  base::MonotonicTime due_;
};

}  // namespace khs::reconcile
