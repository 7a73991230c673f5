#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "task/lanes.h"

// What Lanes keeps; its own.
namespace khs::task {

struct Lanes::Lane {
  enum class State { kIdle, kReady, kWaiting, kParked, kBusy };

  explicit Lane(Partition& owner) : partition(owner) {}

  Partition& partition;
  State state = State::kIdle;
  base::MonotonicTime due;  // of a waiting lane
  std::deque<JobPtr> queue;
  size_t bytes = 0;   // of what is queued
  bool slow = false;  // busy, for long
  const std::string* key = nullptr;
};

struct Lanes::Partition {
  base::TopicPartition topic_partition;
  bool fenced = false;
  bool held = false;
  bool overfull = false;  // holds more than its share, until it holds little
  bool flows = true;      // as TakeFlow last told
  delivery::OffsetTracker tracker;
  std::optional<int64_t> committed;
  std::optional<int64_t> began;  // the first record's offset
  // What was last taken for a commit, and the tracker's version then.
  std::optional<Position> taken;
  uint64_t taken_version = 0;
  std::unordered_map<std::string, Lane> lanes;
  // Ready, but what is finished around them takes all the room there is to save it.
  std::vector<Lane*> parked;
  std::optional<int64_t> unparked_at;  // the first open record when they were last looked at
  size_t in_flight = 0;
  size_t bytes = 0;
};

}  // namespace khs::task
