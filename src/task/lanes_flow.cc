// How much is read: what is at hand, what does not count as such, and which partitions flow.
#include <algorithm>
#include <chrono>
#include <utility>

#include "task/lane.h"

namespace khs::task {
namespace {

// What is read ahead of the endpoint, where that lets as many requests run as there may.
constexpr size_t kReadAhead = 256 * 1024;
// A request that takes longer does not keep the endpoint busy with what is queued behind it.
constexpr std::chrono::milliseconds kSlow{100};

}  // namespace

void Lanes::EnterRow(Job& job, base::MonotonicTime now) {
  job.taken_at = now;
  job.in_row = true;
  job.before = std::exchange(row_last_, &job);
  job.after = nullptr;
  (job.before != nullptr ? job.before->after : row_first_) = &job;
}

void Lanes::LeaveRow(Job& job) {
  if (!std::exchange(job.in_row, false)) return;
  (job.before != nullptr ? job.before->after : row_first_) = job.after;
  (job.after != nullptr ? job.after->before : row_last_) = job.before;
}

void Lanes::NoteSlow(base::MonotonicTime now) {
  while (row_first_ != nullptr && now - row_first_->taken_at >= kSlow) {
    Job& job = *row_first_;
    LeaveRow(job);
    if (job.partition->fenced) continue;
    job.lane->slow = true;
    SetAside(*job.lane, true);
  }
}

void Lanes::SetAside(Lane& lane, bool aside) {
  if (aside) {
    aside_bytes_ += lane.bytes;
  } else {
    aside_bytes_ -= lane.bytes;
  }
}

// Of more lanes than requests at once, some would wait.
bool Lanes::EnoughAtHand(size_t bytes) const {
  size_t lanes = static_cast<size_t>(policy_->max_in_flight);
  if (policy_->ordering == delivery::Ordering::kPartition) {
    lanes = std::min(lanes, partitions_.size());
  }
  const size_t active = active_bytes();
  return active >= std::max<size_t>(policy_->queue_max_bytes / 3, 1) ||
         (active >= bytes && ready_.size() + in_flight_ >= lanes);
}

size_t Lanes::WantedBytes(base::MonotonicTime now) {
  NoteSlow(now);
  refused_ = !paused_ && EnoughAtHand(kReadAhead);  // a pause does not end by running low
  if (paused_ || refused_) return 0;
  // Of many partitions each may bring this before it is paused.
  return Full() ? std::max<size_t>(Share() / 2, 1) : policy_->queue_max_bytes;
}

bool Lanes::RunsLow() {
  if (!refused_ || EnoughAtHand(kReadAhead / 2)) return false;
  refused_ = false;
  return true;
}

// Once half of the bound is used, by what waits, each partition is held to its share of a third of
// it, so that one that is stuck leaves the others theirs. What one had before, the shares of all
// others, and what is read ahead stay within the bound together.
size_t Lanes::Share() const {
  const size_t share = policy_->queue_max_bytes / 3 / std::max<size_t>(partitions_.size(), 1);
  return std::max<size_t>(share, 1);  // an empty partition is never paused
}

bool Lanes::MayResume(const Partition& partition) const {
  return partition.overfull && (partition.bytes <= Share() / 2 || HasMuchRoom());
}

Lanes::Flow Lanes::TakeFlow() {
  Flow flow;
  flow_pending_ = false;
  const size_t share = Share();
  for (const auto& [topic_partition, partition] : partitions_) {
    if (partition->held) continue;
    if (!partition->overfull && partition->bytes >= share && Full()) {
      partition->overfull = true;
      ++overfull_;
    } else if (MayResume(*partition)) {
      partition->overfull = false;
      --overfull_;
    }
    const bool flows = !paused_ && !partition->overfull;
    if (std::exchange(partition->flows, flows) == flows) continue;
    (flows ? flow.resume : flow.pause).push_back(topic_partition);
  }
  return flow;
}

}  // namespace khs::task
