#pragma once

#include <chrono>
#include <optional>

#include "base/clock.h"

namespace khs::reconcile {

// Every definition gone at once is more likely a volume that lost its content than an intention:
// it is believed when it is still so a while later. Pure.
class VanishGuard {
 public:
  explicit VanishGuard(std::chrono::milliseconds wait) : wait_(wait) {}

  // A look: whether there were definitions, and whether there are now. False: what was seen is not
  // to be believed yet.
  bool Believe(bool had_some, bool has_some, base::MonotonicTime now) {
    if (has_some || !had_some) {
      due_.reset();
      return true;
    }
    if (!due_) due_ = now + wait_;
    if (now < *due_) return false;
    due_.reset();
    return true;
  }

  // When to look again; none when nothing is in doubt.
  std::optional<base::MonotonicTime> due() const { return due_; }

 private:
  const std::chrono::milliseconds wait_;
  std::optional<base::MonotonicTime> due_;
};

}  // namespace khs::reconcile
