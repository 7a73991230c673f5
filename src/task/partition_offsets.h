#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

#include "base/topic_partition.h"
#include "delivery/offset_tracker.h"
#include "task/record_source.h"

namespace khs::task {

// The progress of an assigned partition: which offsets are finished, what is committed, and what is
// to be committed next. Owned by the partition.
class PartitionOffsets {
 public:
  // Continues from a commit: `finished` lie beyond it and need not be delivered again.
  void Restore(int64_t committed, delivery::OffsetRanges finished);
  // Reading starts at an offset that is not committed yet; see delivery::OffsetTracker.
  void BeginAt(int64_t offset);
  delivery::OffsetTracker::Receipt Receive(int64_t offset);
  void Finish(int64_t offset) { tracker_.Finish(offset); }

  bool Crowded() const { return tracker_.Crowded(); }
  std::optional<int64_t> first_open() const { return tracker_.first_open(); }
  const delivery::OffsetTracker& tracker() const { return tracker_; }

  // The position to commit, if it or what is finished beyond it changed since the last call.
  std::optional<Position> TakeCommittable(const base::TopicPartition& topic_partition,
                                          size_t max_metadata_bytes);
  // The taken position was not committed: the next TakeCommittable returns it, or the newer
  // position.
  void MakeCommittable();
  void MarkCommitted(int64_t offset) { committed_ = offset; }
  std::optional<int64_t> committed() const { return committed_; }
  // What is committed as far as is known, or else where reading started.
  std::optional<int64_t> committed_or_start() const { return committed_ ? committed_ : start_; }

 private:
  delivery::OffsetTracker tracker_;
  std::optional<int64_t> committed_;
  std::optional<int64_t> start_;   // the first offset that was read
  std::optional<Position> taken_;  // by TakeCommittable
  uint64_t taken_version_ = 0;     // the tracker's version then
};

// What was finished of partitions that are no longer assigned, in case they come back before
// anybody else has delivered it. Owned by Lanes.
class FormerOffsets {
 public:
  void Remember(const base::TopicPartition& topic_partition, const PartitionOffsets& offsets);
  // Adds what is remembered of the partition to what its commit says is finished, as long as the
  // commit shows that no other member committed a later or an earlier offset. Forgets the
  // partition.
  delivery::OffsetRanges Recall(const base::TopicPartition& topic_partition,
                                std::optional<int64_t> committed, delivery::OffsetRanges finished);

 private:
  struct Former {
    int64_t committed = 0;  // as far as was known
    int64_t position = 0;
    delivery::OffsetRanges finished;  // beyond the position
  };

  std::map<base::TopicPartition, Former> partitions_;
};

}  // namespace khs::task
