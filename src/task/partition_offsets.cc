#include "task/partition_offsets.h"

#include <utility>

namespace khs::task {

using delivery::OffsetTracker;

void PartitionOffsets::Restore(int64_t committed, delivery::OffsetRanges finished) {
  committed_ = committed;
  tracker_.Restore(committed, std::move(finished));
}

void PartitionOffsets::BeginAt(int64_t offset) {
  start_ = offset;
  tracker_.Begin(offset);
}

OffsetTracker::Receipt PartitionOffsets::Receive(int64_t offset) {
  const OffsetTracker::Receipt receipt = tracker_.Receive(offset);
  if (receipt == OffsetTracker::Receipt::kOpen && !start_) start_ = offset;
  return receipt;
}

std::optional<Position> PartitionOffsets::TakeCommittable(
    const base::TopicPartition& topic_partition, size_t max_metadata_bytes) {
  const uint64_t version = tracker_.version();
  if (std::exchange(taken_version_, version) == version) return std::nullopt;
  const auto offset = tracker_.position();
  if (!offset) return std::nullopt;
  Position position{topic_partition, *offset,
                    delivery::EncodeFinished(*offset, tracker_.Finished(), max_metadata_bytes)};
  if (taken_ == position) return std::nullopt;
  taken_ = position;
  return position;
}

void PartitionOffsets::MakeCommittable() {
  taken_.reset();
  taken_version_ = 0;
}

void FormerOffsets::Remember(const base::TopicPartition& topic_partition,
                             const PartitionOffsets& offsets) {
  const auto position = offsets.tracker().position();
  const auto committed = offsets.committed();
  if (!position || !committed) return;
  partitions_[topic_partition] = {*committed, *position, offsets.tracker().Finished()};
}

delivery::OffsetRanges FormerOffsets::Recall(const base::TopicPartition& topic_partition,
                                             std::optional<int64_t> committed,
                                             delivery::OffsetRanges finished) {
  const auto found = partitions_.extract(topic_partition);
  if (!found || !committed) return finished;
  const Former& former = found.mapped();
  if (*committed < former.committed || former.position < *committed) return finished;
  if (*committed < former.position) {
    finished = delivery::Union(std::move(finished), {{*committed, former.position - 1}});
  }
  return delivery::Union(std::move(finished), former.finished);
}

}  // namespace khs::task
