#pragma once

#include <algorithm>
#include <chrono>

#include "base/clock.h"

namespace khs::kafka {

// The back-off of a client that failed: it may be replaced 1 s after the failure, then twice as
// long after each further one, up to 60 s. Pure.
class ClientBackoff {
 public:
  void OnFailure(base::MonotonicTime now) {
    due_ = now + delay();
    ++failures_;
  }
  // The delay after the next failure is 1 s again.
  void OnSuccess() { failures_ = 0; }

  // When the next client may be created. Any time before the first failure.
  base::MonotonicTime due() const { return due_; }
  // The delay after the next failure.
  std::chrono::milliseconds delay() const {
    constexpr std::chrono::milliseconds kFirst{1'000};
    constexpr std::chrono::milliseconds kLongest{60'000};
    return std::min(kFirst * (1 << std::min(failures_, 10)), kLongest);
  }

 private:
  int failures_ = 0;
  base::MonotonicTime due_ = base::MonotonicTime::min();
};

}  // namespace khs::kafka
