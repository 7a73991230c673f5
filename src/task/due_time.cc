#include "task/due_time.h"

#include <algorithm>

namespace khs::task {
namespace {

using std::chrono::milliseconds;

// Synchronized clocks differ by less than this.
constexpr milliseconds kClockSkew{5'000};

// A timestamp comes from the producer and may be any 64-bit number, for example microseconds
// instead of milliseconds. A WallTime counts nanoseconds and can't hold it, so everything here is
// computed in milliseconds.
milliseconds SinceEpoch(base::WallTime now) {
  return std::chrono::floor<milliseconds>(now.time_since_epoch());
}

}  // namespace

base::MonotonicTime DueTime(milliseconds delay, const delivery::Record& record,
                            base::MonotonicTime read_at, const base::Now& now) {
  const base::MonotonicTime latest = read_at + delay;
  if (!record.timestamp) return latest;
  // The timestamp is on the wall clock, the due time on the monotonic one.
  const milliseconds wall = SinceEpoch(now.wall);
  const milliseconds timestamp = std::clamp(*record.timestamp, wall - delay, wall);
  return std::min(latest, now.monotonic + (timestamp + delay - wall));
}

milliseconds TimestampAhead(const delivery::Record& record, base::WallTime now) {
  const milliseconds limit = SinceEpoch(now) + kClockSkew;
  if (!record.timestamp || *record.timestamp <= limit) return milliseconds(0);
  return *record.timestamp - SinceEpoch(now);
}

std::chrono::duration<double> Age(milliseconds timestamp, base::WallTime now) {
  using Seconds = std::chrono::duration<double>;
  return std::max(Seconds(now.time_since_epoch()) - Seconds(timestamp), Seconds(0));
}

}  // namespace khs::task
