#include "task/worker_count.h"

#include <algorithm>
#include <chrono>

namespace khs::task {
namespace {

// An attempt that takes longer than this leaves the processor idle for most of it.
constexpr std::chrono::microseconds kFastAttempt{80};
// Long enough to see several fast attempts, short beside a slow one.
constexpr std::chrono::milliseconds kWindow{1};

}  // namespace

WorkerCount::Advice WorkerCount::Advise(base::MonotonicTime now, size_t ready, size_t busy,
                                        size_t most) {
  if (ready == 0 || busy >= most) {
    since_.reset();
    return {};
  }
  if (busy == 0) {
    since_ = now;
    taken_before_ = taken_;
    return {1, ready > 1 ? std::optional(now + kWindow) : std::nullopt};
  }
  if (!since_) {
    since_ = now;
    taken_before_ = taken_;
  }
  if (now - *since_ < kWindow) return {0, *since_ + kWindow};
  // Little's law: as many are at work as come in the time that one takes.
  const auto attempt = (now - *since_) * static_cast<int64_t>(busy) /
                       static_cast<int64_t>(std::max<uint64_t>(taken_ - taken_before_, 1));
  since_ = now;
  taken_before_ = taken_;
  const size_t more = attempt > kFastAttempt ? std::min({ready, busy, most - busy}) : 0;
  return {more, now + kWindow};
}

}  // namespace khs::task
