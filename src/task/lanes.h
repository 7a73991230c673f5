#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "delivery/decision.h"
#include "delivery/finished_offsets.h"
#include "delivery/policy.h"
#include "delivery/record.h"
#include "task/job.h"
#include "task/lane_schedule.h"
#include "task/memory_limits.h"
#include "task/partition_offsets.h"
#include "task/record_source.h"

namespace khs::task {

// The records that a task holds, from their reading to the commit of their offsets. Coordinates
// three parts: LaneSchedule says which record is next, PartitionOffsets what may be committed, and
// MemoryLimits how much is read. Pure bookkeeping on a time that is passed in. Owned by the
// dispatcher and used by its delivery thread only.
class Lanes {
 public:
  enum class AddResult {
    kAdded,
    kFinished,     // ignored: it was finished before the restored commit
    kNotAssigned,  // ignored: the partition is being revoked, or is another member's
    kStartedOver,  // added; the partition's offsets went back, so what it held is forgotten
  };
  // Partitions whose flow changes.
  struct Flow {
    Partitions pause;
    Partitions resume;
  };

  explicit Lanes(std::shared_ptr<const delivery::Policy> policy);
  ~Lanes();
  Lanes(const Lanes&) = delete;
  Lanes& operator=(const Lanes&) = delete;

  void Assign(const Partitions& partitions);
  // Continues from a commit, if there is one: `finished` lie beyond it and need not be delivered
  // again, nor what FormerOffsets knows. To be called right after Assign.
  void Restore(const base::TopicPartition& topic_partition, std::optional<int64_t> committed,
               delivery::OffsetRanges finished);
  // Reading starts at a position that is not committed yet; see delivery::OffsetTracker.
  void BeginAt(const Position& position);
  // Reading continues at the end of a loss. What was read of the same log still counts; what was
  // read of another one is forgotten, and its jobs in flight are fenced. Returns the undelivered
  // records: those of the loss that are not finished, plus the forgotten ones.
  Loss SkipLost(const Loss& loss);
  // Takes nothing more from the partitions; their jobs in flight still count.
  void BeginRevoke(const Partitions& partitions);
  // Forgets the partitions, except for what is finished of them. Jobs in flight come back without
  // effect.
  void Fence(const Partitions& partitions);
  // Takes nothing more at all.
  void StopTaking() { stopped_ = true; }
  // While paused, nothing is taken and no partition flows. What is held stays, and so do its due
  // times.
  void SetPaused(bool paused, base::MonotonicTime now);
  // The time in which delivery timeouts count: it stands still while paused.
  base::MonotonicTime DeliveryTime(base::MonotonicTime now) const {
    return (paused_ ? paused_since_ : now) - paused_before_;
  }

  AddResult Add(delivery::Record record, const base::Now& now);

  // The next job that is due; the caller makes an attempt and calls ApplyDecision.
  JobPtr Take(base::MonotonicTime now);
  // Takes a job back: it is finished, waits for its next attempt, or stays as it is. Returns false
  // if the job was fenced meanwhile, so that the decision has no effect.
  bool ApplyDecision(JobPtr job, const delivery::Decision& decision, base::MonotonicTime now);

  // Uses another policy, of the same ordering and queue bound. A job that waits for a retry is due
  // at once, so that its next attempt is the new definition's; a delay counts from the start.
  void Reconfigure(std::shared_ptr<const delivery::Policy> policy, const base::Now& now);

  // Whether a job may be taken without waiting.
  bool HasReady() const { return MayTake() && schedule_.HasReady(); }
  // When the next waiting job is due.
  std::optional<base::MonotonicTime> NextDue() const;

  // Whether the job's partition was fenced, so that a decision about it has no effect.
  bool IsFenced(const Job& job) const;
  // Whether jobs in flight were fenced since TakeFencedInFlight was called.
  bool HasFencedInFlight() const { return fenced_in_flight_; }
  bool TakeFencedInFlight() { return std::exchange(fenced_in_flight_, false); }

  // Positions that changed since they were last taken, or beyond which more is finished.
  Positions TakeCommittable();
  void MarkCommitted(const Positions& positions);
  // These positions were not committed: they are taken again, unless they have changed.
  void MakeCommittable(const Positions& positions);
  // The broker refused the size of the metadata. Commits carry half as much from now on; what is
  // left out is repeated after a crash.
  void HalveMetadata() { max_metadata_bytes_ /= 2; }

  // See MemoryLimits.
  MemoryLimits::Demand UpdateDemand(base::MonotonicTime now);
  bool HasFlowChanges() const { return memory_.flow_changed(); }
  // The partitions to pause and to resume since the last call. A new one is not paused.
  Flow TakeFlowChanges();
  // The assigned partitions that do not flow.
  Partitions PausedPartitions() const;

  Partitions assignment() const;
  bool IsAssigned(const base::TopicPartition& topic_partition) const {
    return partitions_.contains(topic_partition);
  }
  // Where the lag of each partition starts: what is committed or, before that, where reading
  // started; nothing before the first record.
  std::map<base::TopicPartition, std::optional<int64_t>> CommittedOffsets() const;
  size_t InFlight(const Partitions& partitions) const;
  size_t in_flight() const { return schedule_.in_flight(); }
  size_t records() const { return records_; }
  size_t bytes() const { return memory_.bytes(); }
  size_t waiting_retry() const { return schedule_.backing_off(); }

 private:
  Partition* Find(const base::TopicPartition& topic_partition) const;  // null when unassigned
  void FencePartition(Partition& partition);
  void StartOver(const Partition& partition, int64_t offset);
  MemoryLimits::Load CurrentLoad() const;
  bool MayTake() const { return !stopped_ && !paused_; }

  std::shared_ptr<const delivery::Policy> policy_;
  std::map<base::TopicPartition, std::shared_ptr<Partition>> partitions_;
  LaneSchedule schedule_;
  MemoryLimits memory_;
  FormerOffsets former_offsets_;
  bool stopped_ = false;
  bool paused_ = false;
  base::MonotonicTime paused_since_;
  base::MonotonicTime::duration paused_before_{0};  // the length of all former pauses
  bool fenced_in_flight_ = false;
  size_t records_ = 0;  // queued or in flight
  size_t max_metadata_bytes_ = delivery::kMaxMetadataBytes;
};

}  // namespace khs::task
