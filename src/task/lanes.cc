#include "task/lanes.h"

#include <algorithm>
#include <utility>

#include "task/due_time.h"
#include "task/lane.h"

namespace khs::task {

using delivery::OffsetTracker;

Lanes::Lanes(std::shared_ptr<const delivery::Policy> policy)
    : policy_(std::move(policy)), schedule_(policy_->ordering), memory_(policy_->queue_max_bytes) {}

// A queued job and its partition own each other until the queue is cleared.
Lanes::~Lanes() {
  for (auto& [topic_partition, partition] : partitions_) FencePartition(*partition);
}

Partition* Lanes::Find(const base::TopicPartition& topic_partition) const {
  const auto found = partitions_.find(topic_partition);
  return found != partitions_.end() ? found->second.get() : nullptr;
}

void Lanes::Assign(const Partitions& partitions) {
  for (const base::TopicPartition& topic_partition : partitions) {
    auto& partition = partitions_[topic_partition];
    if (partition) FencePartition(*partition);
    partition = std::make_shared<Partition>();
    partition->topic_partition = topic_partition;
    memory_.AddPartition();
  }
}

void Lanes::Restore(const base::TopicPartition& topic_partition, std::optional<int64_t> committed,
                    delivery::OffsetRanges finished) {
  Partition* const partition = Find(topic_partition);
  if (partition == nullptr) return;
  finished = former_offsets_.Recall(topic_partition, committed, std::move(finished));
  if (committed) partition->offsets.Restore(*committed, std::move(finished));
}

void Lanes::BeginAt(const Position& position) {
  if (Partition* const partition = Find(position.topic_partition)) {
    partition->offsets.BeginAt(position.offset);
  }
}

Loss Lanes::SkipLost(const Loss& loss) {
  Partition* const partition = Find(loss.topic_partition);
  if (partition == nullptr) return loss;
  const OffsetTracker& tracker = partition->offsets.tracker();
  Loss whole = loss;
  if (loss.reason == delivery::LossReason::kRetention) {
    whole.records = tracker.Unfinished(loss.from, loss.to);
    BeginAt({loss.topic_partition, loss.to});
    return whole;
  }
  whole.from = std::min(loss.from, tracker.first_open().value_or(loss.from));
  whole.records += static_cast<int64_t>(tracker.open());
  StartOver(*partition, loss.to);
  return whole;
}

// Forgets what was read of the partition, which stays assigned; reading continues at the offset.
void Lanes::StartOver(const Partition& partition, int64_t offset) {
  const base::TopicPartition topic_partition = partition.topic_partition;
  const bool flows = partition.memory.flows;
  const bool revoking = partition.revoking;
  Assign({topic_partition});
  Partition& anew = *Find(topic_partition);
  anew.memory.flows = flows;
  anew.revoking = revoking;
  anew.offsets.BeginAt(offset);
}

void Lanes::Fence(const Partitions& partitions) {
  for (const base::TopicPartition& topic_partition : partitions) {
    const auto found = partitions_.find(topic_partition);
    if (found == partitions_.end()) continue;
    former_offsets_.Remember(topic_partition, found->second->offsets);
    FencePartition(*found->second);
    partitions_.erase(found);
  }
}

void Lanes::FencePartition(Partition& partition) {
  partition.fenced = true;
  if (partition.in_flight > 0) fenced_in_flight_ = true;
  memory_.RemovePartition(partition.memory);
  const LaneSchedule::Removed removed = schedule_.Clear(partition);
  memory_.Release(partition.memory, removed.bytes);
  records_ -= removed.jobs;
}

void Lanes::BeginRevoke(const Partitions& partitions) {
  for (const base::TopicPartition& topic_partition : partitions) {
    Partition* const partition = Find(topic_partition);
    if (partition == nullptr) continue;
    partition->revoking = true;
    schedule_.Suspend(*partition);
  }
}

void Lanes::SetPaused(bool paused, base::MonotonicTime now) {
  if (std::exchange(paused_, paused) == paused) return;
  memory_.SetPaused(paused);
  if (paused) {
    paused_since_ = now;
  } else {
    paused_before_ += now - paused_since_;
  }
}

Lanes::AddResult Lanes::Add(delivery::Record record, const base::Now& now) {
  const auto found = partitions_.find(record.topic_partition);
  if (found == partitions_.end() || found->second->revoking) return AddResult::kNotAssigned;
  AddResult result = AddResult::kAdded;
  switch (found->second->offsets.Receive(record.offset)) {
    case OffsetTracker::Receipt::kOpen:
      break;
    case OffsetTracker::Receipt::kFinished:
      return AddResult::kFinished;
    case OffsetTracker::Receipt::kBackward:
      // The log was truncated or its topic recreated: what was read before no longer counts.
      StartOver(*found->second, record.offset);
      found->second->offsets.Receive(record.offset);
      result = AddResult::kStartedOver;
  }
  const std::shared_ptr<Partition>& partition = found->second;
  auto job = std::make_unique<Job>();
  job->bytes = record.Bytes() + sizeof(Job);
  job->read_at = now.monotonic;
  job->due = DueTime(policy_->request_delay, record, now.monotonic, now);
  job->record = std::move(record);
  ++records_;
  memory_.Hold(partition->memory, job->bytes);
  schedule_.Add(partition, std::move(job), now.monotonic);
  return result;
}

void Lanes::Reconfigure(std::shared_ptr<const delivery::Policy> policy, const base::Now& now) {
  const auto before = std::exchange(policy_, std::move(policy));
  for (auto& [topic_partition, partition] : partitions_) {
    for (auto& [key, lane] : partition->lanes) {
      for (const JobPtr& job : lane.queue) {
        const bool was_sent = job->progress.attempts > 0;
        job->due = was_sent ? now.monotonic
                            : DueTime(policy_->request_delay, job->record, job->read_at, now);
        delivery::AdaptProgress(job->progress, *before, *policy_);
        job->last_reply.reset();
        // The endpoint may be another one now: it is asked before the record is given up.
        job->dead_letter.reset();
        job->dead_letter_failures = 0;
        job->dead_letter_refusals = 0;
      }
    }
  }
  schedule_.Reschedule(now.monotonic);
}

bool Lanes::IsFenced(const Job& job) const { return job.partition->fenced; }

JobPtr Lanes::Take(base::MonotonicTime now) { return MayTake() ? schedule_.Take(now) : nullptr; }

bool Lanes::ApplyDecision(JobPtr job, const delivery::Decision& decision, base::MonotonicTime now) {
  Partition& partition = *job->partition;
  schedule_.EndFlight(*job);
  if (!partition.fenced && std::holds_alternative<delivery::Retry>(decision)) {
    job->due = now + std::get<delivery::Retry>(decision).delay;
    schedule_.Requeue(std::move(job), now);
    return true;
  }
  memory_.Release(partition.memory, job->bytes);
  --records_;
  if (partition.fenced) return false;
  if (std::holds_alternative<delivery::Stop>(decision)) stopped_ = true;
  const bool done = std::holds_alternative<delivery::Deliver>(decision) ||
                    std::holds_alternative<delivery::Drop>(decision);
  if (done) {
    partition.offsets.Finish(job->record.offset);
    schedule_.Advance(*job, now);
  } else {
    schedule_.StopLane(*job);
  }
  return true;
}

std::optional<base::MonotonicTime> Lanes::NextDue() const {
  return MayTake() ? schedule_.NextDue() : std::nullopt;
}

Positions Lanes::TakeCommittable() {
  Positions positions;
  for (const auto& [topic_partition, partition] : partitions_) {
    auto position = partition->offsets.TakeCommittable(topic_partition, max_metadata_bytes_);
    if (position) positions.push_back(std::move(*position));
  }
  return positions;
}

void Lanes::MarkCommitted(const Positions& positions) {
  for (const Position& position : positions) {
    if (Partition* const partition = Find(position.topic_partition)) {
      partition->offsets.MarkCommitted(position.offset);
    }
  }
}

void Lanes::MakeCommittable(const Positions& positions) {
  for (const Position& position : positions) {
    if (Partition* const partition = Find(position.topic_partition)) {
      partition->offsets.MakeCommittable();
    }
  }
}

MemoryLimits::Load Lanes::CurrentLoad() const {
  size_t lanes_wanted = static_cast<size_t>(policy_->max_in_flight);
  if (policy_->ordering == delivery::Ordering::kPartition) {
    lanes_wanted = std::min(lanes_wanted, partitions_.size());
  }
  return {memory_.bytes() - schedule_.waiting_bytes(), schedule_.busy_lanes(), lanes_wanted};
}

MemoryLimits::Demand Lanes::UpdateDemand(base::MonotonicTime now) {
  schedule_.MarkSlow(now);
  return memory_.UpdateDemand(CurrentLoad());
}

Lanes::Flow Lanes::TakeFlowChanges() {
  Flow flow;
  memory_.ClearFlowChanged();
  for (const auto& [topic_partition, partition] : partitions_) {
    if (partition->revoking) continue;
    if (const auto flows = memory_.UpdateFlow(partition->memory)) {
      (*flows ? flow.resume : flow.pause).push_back(topic_partition);
    }
  }
  return flow;
}

Partitions Lanes::PausedPartitions() const {
  Partitions paused;
  for (const auto& [topic_partition, partition] : partitions_) {
    if (!partition->memory.flows) paused.push_back(topic_partition);
  }
  return paused;
}

Partitions Lanes::assignment() const {
  Partitions partitions;
  for (const auto& [topic_partition, partition] : partitions_) {
    partitions.push_back(topic_partition);
  }
  return partitions;
}

std::map<base::TopicPartition, std::optional<int64_t>> Lanes::CommittedOffsets() const {
  std::map<base::TopicPartition, std::optional<int64_t>> committed;
  for (const auto& [topic_partition, partition] : partitions_) {
    committed[topic_partition] = partition->offsets.committed_or_start();
  }
  return committed;
}

size_t Lanes::InFlight(const Partitions& partitions) const {
  size_t count = 0;
  for (const base::TopicPartition& topic_partition : partitions) {
    const Partition* const partition = Find(topic_partition);
    if (partition != nullptr) count += partition->in_flight;
  }
  return count;
}

}  // namespace khs::task
