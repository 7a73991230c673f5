#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>

namespace khs::task {

// Bounds the memory of a task's records by delivery.queue.max.bytes: says how much should be read,
// and which partitions flow. Owned by Lanes.
//
//   bytes held, as a part of the bound     reading
//   below 1/2                              while too little is available to keep the endpoint busy
//   from 1/2                               the same, but a partition that reaches its quota, its
//                                          share of 1/3 of the bound, goes over quota and is paused
//   at most 1/4                            every partition flows again
//
// A partition that is over quota also flows again once it holds half of its quota.
class MemoryLimits {
 public:
  // What a partition holds; one per assigned partition.
  struct Usage {
    size_t bytes = 0;  // queued or in flight
    bool over_quota = false;
    bool flows = true;  // as UpdateFlow last said
  };
  // What keeps the endpoint busy.
  struct Load {
    size_t bytes = 0;         // held, without what can't be taken soon
    size_t lanes = 0;         // ready or in flight
    size_t lanes_wanted = 0;  // enough for delivery.max.in.flight attempts
  };

  // How much should be read.
  struct Demand {
    size_t bytes = 0;
    size_t room = 0;  // once so much has been read since, that is enough

    // How many bytes should be read when `pending` were read but are not yet held.
    size_t Wanted(size_t pending) const { return pending < room ? bytes : 0; }
  };

  explicit MemoryLimits(size_t max_bytes) : max_bytes_(max_bytes) {}

  void AddPartition();
  void RemovePartition(Usage& usage);
  void Hold(Usage& usage, size_t bytes);
  void Release(Usage& usage, size_t bytes);
  // While paused, nothing is wanted and no partition flows.
  void SetPaused(bool paused);

  // Nothing while enough is available, and then until half of that is left.
  Demand UpdateDemand(const Load& load);

  // Whether UpdateFlow may return a change.
  bool flow_changed() const { return flow_changed_; }
  void ClearFlowChanged() { flow_changed_ = false; }
  // Whether the partition flows from now on; nothing if that does not change.
  std::optional<bool> UpdateFlow(Usage& usage);

  size_t bytes() const { return bytes_; }

 private:
  bool HasEnough(const Load& load, size_t bytes) const;
  size_t Third() const { return std::max<size_t>(max_bytes_ / 3, 1); }
  size_t Quota() const;
  bool HalfFull() const { return bytes_ >= max_bytes_ / 2; }
  bool MostlyFree() const { return bytes_ <= max_bytes_ / 4; }
  bool MayFlowAgain(const Usage& usage) const;

  const size_t max_bytes_;
  size_t partitions_ = 0;
  size_t partitions_over_quota_ = 0;
  size_t bytes_ = 0;
  bool paused_ = false;
  bool had_enough_ = false;  // when UpdateDemand was last called
  bool flow_changed_ = false;
};

}  // namespace khs::task
