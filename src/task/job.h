#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "delivery/decision.h"
#include "delivery/record.h"
#include "task/dead_letter_queue.h"

namespace khs::task {

struct Lane;
struct Partition;

// A record and how far its delivery has come. A lane owns it while it is queued. Its taker
// owns it while it is in flight, so two threads never share it, even when its partition is revoked
// meanwhile.
struct Job {
  delivery::Record record;
  delivery::Progress progress;
  base::MonotonicTime read_at;
  base::MonotonicTime due;  // when the next attempt may begin
  // Of the attempt that is retried; none when other settings came after it.
  std::unique_ptr<const delivery::Reply> last_reply;
  size_t bytes = 0;
  std::optional<DeadLetterCause> dead_letter;  // set when the record goes to the dead letter queue
  int dead_letter_failures = 0;
  int dead_letter_refusals = 0;  // the permanent ones of these failures

 private:
  friend class Lanes;
  friend class LaneSchedule;

  std::shared_ptr<Partition> partition;
  Lane* lane = nullptr;
  // Links of LaneSchedule's list of jobs in flight.
  base::MonotonicTime taken_at;
  Job* previous = nullptr;
  Job* next = nullptr;
};
using JobPtr = std::unique_ptr<Job>;

}  // namespace khs::task
