#pragma once

#include <algorithm>
#include <chrono>

#include "base/clock.h"

namespace khs::reconcile {

// When a connector that could not start is started again: after 1 s, doubled with every failure in
// a row up to 5 min, and a fifth more or less, so that many do not come at once. Pure.
class StartBackoff {
 public:
  // `chance` is random, from 0 to 1.
  void Failed(base::MonotonicTime now, double chance) {
    constexpr std::chrono::milliseconds kFirst{1'000};
    constexpr std::chrono::milliseconds kLongest{300'000};
    const auto delay = std::min(kFirst * (1 << std::min(failures_, 10)), kLongest);
    ++failures_;
    due_ =
        now + std::chrono::duration_cast<std::chrono::milliseconds>(delay * (0.8 + 0.4 * chance));
  }
  // It has started, or its definition is another now.
  void Reset() { failures_ = 0; }

  int failures() const { return failures_; }
  base::MonotonicTime due() const { return due_; }

 private:
  int failures_ = 0;
  base::MonotonicTime due_;
};

}  // namespace khs::reconcile
