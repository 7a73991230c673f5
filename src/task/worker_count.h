#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace khs::task {

// Decides how many of a task's threads should be at work, from how long an attempt takes. A fast
// endpoint keeps one or two threads as busy as they can be, and more would only take the processor
// from each other and from the endpoint; a slow one lets each thread wait, so more are of use.
// Pure; the dispatcher's lock guards it.
class WorkerCount {
 public:
  // A record was taken for an attempt.
  void Taken() { ++taken_; }

  struct Advice {
    size_t more = 0;  // workers to put to work now
    // When to ask again, if records are ready and all workers that there may be are not at work.
    std::optional<base::MonotonicTime> again;
  };
  // `ready` records could be taken now, `busy` workers are at work, of `most` that there may be.
  Advice Advise(base::MonotonicTime now, size_t ready, size_t busy, size_t most);

 private:
  uint64_t taken_ = 0;
  // The window that is looked at: as long as something is ready all the time.
  std::optional<base::MonotonicTime> since_;
  uint64_t taken_before_ = 0;
};

}  // namespace khs::task
