#pragma once

#include <chrono>

#include "base/clock.h"
#include "delivery/record.h"

namespace khs::task {

// When a record may first be sent: `delay` after its timestamp, but at the latest `delay` after
// `read_at`, whatever its timestamp says. `now` must not be before `read_at`.
base::MonotonicTime DueTime(std::chrono::milliseconds delay, const delivery::Record& record,
                            base::MonotonicTime read_at, const base::Now& now);

// How far the record's timestamp is ahead of the clock; 0 within the usual skew of clocks.
std::chrono::milliseconds TimestampAhead(const delivery::Record& record, base::WallTime now);

// The time since the record's timestamp, in seconds; never negative.
std::chrono::duration<double> Age(std::chrono::milliseconds timestamp, base::WallTime now);

}  // namespace khs::task
