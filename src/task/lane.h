#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/topic_partition.h"
#include "task/job.h"
#include "task/memory_limits.h"
#include "task/partition_offsets.h"

namespace khs::task {

// A queue of records that are delivered one after the other.
//
//              record added           taken             100 ms
//     kIdle ---------------> kReady --------> kInFlight ------> kSlow
//       |                     ^ ^ |               |               |
//       | not due yet         | | | no room       +-------+-------+
//       +-----> kDelayed -----+ | v in commits            | attempt ended
//                  due          kDeferred                 |
//                               |                         +--> kBackingOff, then kReady (retry)
//                               |                         +--> kReady (done, more is queued)
//                               |                         +--> removed (done, queue is empty)
//                               |                         +--> kStopped (stopped or aborted)
struct Lane {
  enum class State {
    kIdle,        // new, or its partition is being revoked: nothing of it is taken
    kReady,       // its first record may be taken now
    kDelayed,     // its first record is not due yet because of request.delay
    kBackingOff,  // its first record waits for a retry
    kDeferred,    // its first record is due, but commits have no room for more finished offsets
    kInFlight,    // its first record is taken, and no longer in the queue
    kSlow,        // the same, for longer than LaneSchedule::kSlow
    kStopped,     // its first record stopped the task or was aborted: no other may overtake it
  };

  explicit Lane(Partition& owner) : partition(owner) {}

  Partition& partition;
  const std::string* key = nullptr;  // in Partition::lanes
  State state = State::kIdle;
  base::MonotonicTime due;  // while it is delayed or backing off
  std::deque<JobPtr> queue;
  size_t bytes = 0;  // of the queue
};

// An assigned partition; jobs in flight keep it alive after it was fenced.
struct Partition {
  base::TopicPartition topic_partition;
  bool fenced = false;    // no longer assigned, or replaced: jobs that come back have no effect
  bool revoking = false;  // nothing more is added or taken; jobs in flight still count
  size_t in_flight = 0;
  PartitionOffsets offsets;
  MemoryLimits::Usage memory;

  // LaneSchedule's.
  std::unordered_map<std::string, Lane> lanes;
  std::vector<Lane*> deferred;
  std::optional<int64_t> deferred_at;  // the first open offset when they were last looked at
};

}  // namespace khs::task
