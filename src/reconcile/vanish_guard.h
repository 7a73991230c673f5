#pragma once

#include <chrono>
#include <optional>

#include "base/clock.h"

namespace khs::reconcile {

// Delays the removal of all definitions at once, since a lost volume is more likely than an
// intended removal. Owned by DefinitionSource. Pure.
class VanishGuard {
 public:
  explicit VanishGuard(std::chrono::milliseconds wait) : wait_(wait) {}

  // Call this for each scan: whether there were definitions before, and whether there are now.
  // Returns false while their removal must not take effect.
  bool Accept(bool had_some, bool has_some, base::MonotonicTime now) {
    if (has_some || !had_some) {
      due_.reset();
      return true;
    }
    if (!due_) due_ = now + wait_;
    if (now < *due_) return false;
    due_.reset();
    return true;
  }

  // When to scan again; none when nothing is in doubt.
  std::optional<base::MonotonicTime> due() const { return due_; }

 private:
  const std::chrono::milliseconds wait_;
  std::optional<base::MonotonicTime> due_;
};

}  // namespace khs::reconcile
