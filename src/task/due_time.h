#pragma once

#include <chrono>

#include "base/clock.h"
#include "delivery/record.h"

namespace khs::task {

// When a record that was read at `read_at` may first be sent: `delay` after its timestamp, and no
// later than `delay` after it was read, whatever its timestamp says. `now` is not before `read_at`.
base::MonotonicTime DueTime(std::chrono::milliseconds delay, const delivery::Record& record,
                            base::MonotonicTime read_at, const base::Now& now);

// How far the record's timestamp is ahead of the clock; 0 when that is no more than clocks differ.
std::chrono::milliseconds TimestampAhead(const delivery::Record& record, base::WallTime now);

// From the record's timestamp until now, in seconds; never negative.
std::chrono::duration<double> Age(std::chrono::milliseconds timestamp, base::WallTime now);

}  // namespace khs::task
