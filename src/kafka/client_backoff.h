#pragma once

#include <algorithm>
#include <chrono>

#include "base/clock.h"

namespace khs::kafka {

// When a client that has failed for good may be replaced: 1 s after its failure, doubled with every
// failure in a row up to 60 s. Pure.
class ClientBackoff {
 public:
  void Failed(base::MonotonicTime now) {
    due_ = now + delay();
    ++failures_;
  }
  // A client did its work, so the next failure begins a new row.
  void Worked() { failures_ = 0; }

  // Before the first failure a client may be made at any time.
  base::MonotonicTime due() const { return due_; }
  // That the next failure will cause.
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
