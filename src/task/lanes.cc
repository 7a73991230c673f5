#include "task/lanes.h"

#include <algorithm>
#include <utility>

#include "task/due_time.h"
#include "task/lane.h"

namespace khs::task {
namespace {

// A job that was read under another policy.
base::MonotonicTime NewDueTime(const delivery::Policy& policy, const Lanes::Job& job,
                               const base::Now& now) {
  if (job.progress.attempts > 0) return now.monotonic;
  return DueTime(policy.request_delay, job.record, job.read_at, now);
}

}  // namespace

Lanes::Lanes(std::shared_ptr<const delivery::Policy> policy) : policy_(std::move(policy)) {}

// A queued job and its partition own each other until the queue lets go.
Lanes::~Lanes() {
  for (auto& [topic_partition, partition] : partitions_) Forget(*partition);
}

void Lanes::Assign(const Partitions& partitions) {
  for (const base::TopicPartition& topic_partition : partitions) {
    auto partition = std::make_shared<Partition>();
    partition->topic_partition = topic_partition;
    auto& slot = partitions_[topic_partition];
    if (slot) Forget(*slot);
    slot = std::move(partition);
  }
  flow_pending_ = true;
}

void Lanes::Restore(const base::TopicPartition& topic_partition, std::optional<int64_t> committed,
                    delivery::OffsetRanges finished) {
  const auto found = partitions_.find(topic_partition);
  if (found == partitions_.end()) return;
  const auto memory = memories_.extract(topic_partition);
  if (!committed) return;
  found->second->committed = committed;
  if (memory) {
    const Memory& known = memory.mapped();
    if (known.committed <= *committed && *committed <= known.position) {
      if (*committed < known.position) {
        finished = delivery::Union(std::move(finished), {{*committed, known.position - 1}});
      }
      finished = delivery::Union(std::move(finished), known.finished);
    }
  }
  found->second->tracker.Restore(*committed, std::move(finished));
}

void Lanes::Begin(const Position& position) {
  const auto found = partitions_.find(position.topic_partition);
  if (found == partitions_.end()) return;
  found->second->began = position.offset;
  found->second->tracker.Begin(position.offset);
}

Loss Lanes::PassOver(const Loss& loss) {
  const auto found = partitions_.find(loss.topic_partition);
  if (found == partitions_.end()) return loss;
  const delivery::OffsetTracker& tracker = found->second->tracker;
  Loss whole = loss;
  if (loss.reason == delivery::LossReason::kRetention) {
    whole.records = tracker.Unfinished(loss.from, loss.to);
    Begin({loss.topic_partition, loss.to});
    return whole;
  }
  whole.from = std::min(loss.from, tracker.first_open().value_or(loss.from));
  whole.records += static_cast<int64_t>(tracker.open());
  StartOver({loss.topic_partition, loss.to});
  return whole;
}

void Lanes::StartOver(const Position& position) {
  const auto found = partitions_.find(position.topic_partition);
  if (found == partitions_.end()) return;
  const bool flows = found->second->flows;
  const bool held = found->second->held;
  Assign({position.topic_partition});
  found->second->flows = flows;
  found->second->held = held;
  Begin(position);
}

void Lanes::Fence(const Partitions& partitions) {
  for (const base::TopicPartition& topic_partition : partitions) {
    const auto found = partitions_.find(topic_partition);
    if (found == partitions_.end()) continue;
    const Partition& partition = *found->second;
    const auto position = partition.tracker.position();
    if (position && partition.committed) {
      memories_[topic_partition] =
          Memory{*partition.committed, *position, partition.tracker.Finished()};
    }
    Forget(*found->second);
    partitions_.erase(found);
  }
  flow_pending_ = true;
}

void Lanes::Hold(const Partitions& partitions) {
  for (const base::TopicPartition& topic_partition : partitions) {
    const auto found = partitions_.find(topic_partition);
    if (found == partitions_.end()) continue;
    found->second->held = true;
    Unschedule(*found->second);
  }
}

void Lanes::SetPaused(bool paused) {
  paused_ = paused;
  flow_pending_ = true;
}

// What is queued goes; jobs on their way keep the fenced partition alive until they come back.
void Lanes::Forget(Partition& partition) {
  partition.fenced = true;
  if (partition.in_flight > 0) outdated_ = true;
  if (std::exchange(partition.overfull, false)) --overfull_;
  Unschedule(partition);
  for (auto& [key, lane] : partition.lanes) {
    if (std::exchange(lane.slow, false)) SetAside(lane, false);
    for (const JobPtr& job : lane.queue) Release(*job);
    lane.queue.clear();
    lane.bytes = 0;
  }
}

void Lanes::Release(const Job& job) {
  job.partition->bytes -= job.bytes;
  bytes_ -= job.bytes;
  --records_;
}

Lanes::AddResult Lanes::Add(delivery::Record record, const base::Now& now) {
  const auto found = partitions_.find(record.topic_partition);
  if (found == partitions_.end() || found->second->held) return AddResult::kNotAssigned;
  AddResult result = AddResult::kAdded;
  auto receipt = found->second->tracker.Receive(record.offset);
  if (receipt == delivery::OffsetTracker::Receipt::kFinished) return AddResult::kFinished;
  if (receipt == delivery::OffsetTracker::Receipt::kBackward) {
    // The partition was truncated or its topic made anew: what came before no longer counts.
    StartOver({record.topic_partition, record.offset});
    found->second->tracker.Receive(record.offset);
    result = AddResult::kStartedOver;
  }
  const std::shared_ptr<Partition>& partition = found->second;
  if (!partition->began) partition->began = record.offset;

  auto job = std::make_unique<Job>();
  job->bytes = record.Bytes() + sizeof(Job);
  job->read_at = now.monotonic;
  job->due = DueTime(policy_->request_delay, record, now.monotonic, now);
  job->partition = partition;
  const auto lane = partition->lanes.try_emplace(LaneKey(record), *partition).first;
  lane->second.key = &lane->first;
  job->lane = &lane->second;
  job->record = std::move(record);

  partition->bytes += job->bytes;
  bytes_ += job->bytes;
  ++records_;
  Lane& row = lane->second;
  row.bytes += job->bytes;
  if (row.state == Lane::State::kWaiting || row.state == Lane::State::kParked || row.slow) {
    aside_bytes_ += job->bytes;
  }
  row.queue.push_back(std::move(job));
  if (row.state == Lane::State::kIdle) Schedule(row, now.monotonic);
  if (!partition->overfull && Full() && partition->bytes >= Share()) flow_pending_ = true;
  return result;
}

std::string Lanes::LaneKey(const delivery::Record& record) const {
  if (policy_->ordering == delivery::Ordering::kPartition) return {};
  if (policy_->ordering == delivery::Ordering::kKey && record.key) return "k" + *record.key;
  return "o" + std::to_string(record.offset);  // a lane of its own
}

void Lanes::Schedule(Lane& lane, base::MonotonicTime now) {
  const base::MonotonicTime due = lane.queue.front()->due;
  if (due <= now) {
    lane.state = Lane::State::kReady;
    ready_.push_back(&lane);
  } else {
    lane.state = Lane::State::kWaiting;
    lane.due = due;
    SetAside(lane, true);
    timers_.emplace(due, &lane);
    if (lane.queue.front()->progress.attempts > 0) ++waiting_retry_;
  }
}

void Lanes::Unschedule(Lane& lane) {
  if (lane.state == Lane::State::kReady) {
    ready_.erase(std::find(ready_.begin(), ready_.end(), &lane));
  } else if (lane.state == Lane::State::kWaiting) {
    timers_.erase({lane.due, &lane});
    SetAside(lane, false);
    if (lane.queue.front()->progress.attempts > 0) --waiting_retry_;
  } else if (lane.state == Lane::State::kParked) {
    std::erase(lane.partition.parked, &lane);
    SetAside(lane, false);
  } else {
    return;
  }
  lane.state = Lane::State::kIdle;
}

// All lanes, in one pass over those that are ready.
void Lanes::Unschedule(Partition& partition) {
  std::erase_if(ready_, [&partition](Lane* lane) {
    if (&lane->partition != &partition) return false;
    lane->state = Lane::State::kIdle;
    return true;
  });
  for (Lane* lane : std::exchange(partition.parked, {})) {
    lane->state = Lane::State::kIdle;
    SetAside(*lane, false);
  }
  for (auto& [key, lane] : partition.lanes) Unschedule(lane);
}

// Those that may be taken again: all when there is room, or else the first open record, with which
// the position moves.
void Lanes::Unpark(Partition& partition, base::MonotonicTime now) {
  if (partition.parked.empty() || partition.held) return;
  const bool crowded = partition.tracker.Crowded();
  const auto first_open = partition.tracker.first_open();
  if (crowded && first_open == partition.unparked_at) return;
  partition.unparked_at = first_open;
  std::vector<Lane*> parked;
  parked.swap(partition.parked);
  for (Lane* lane : parked) {
    lane->state = Lane::State::kIdle;
    SetAside(*lane, false);
    if (crowded && lane->queue.front()->record.offset != first_open) {
      lane->state = Lane::State::kParked;
      SetAside(*lane, true);
      partition.parked.push_back(lane);
    } else {
      Schedule(*lane, now);
    }
  }
}

void Lanes::PromoteDue(base::MonotonicTime now) {
  while (!timers_.empty() && timers_.begin()->first <= now) {
    Lane* lane = timers_.begin()->second;
    Unschedule(*lane);
    lane->state = Lane::State::kReady;
    ready_.push_back(lane);
  }
}

void Lanes::Reconfigure(std::shared_ptr<const delivery::Policy> policy, const base::Now& now) {
  const auto before = std::exchange(policy_, std::move(policy));
  std::vector<Lane*> scheduled(ready_.begin(), ready_.end());
  for (const auto& [due, lane] : timers_) scheduled.push_back(lane);
  for (Lane* lane : scheduled) {
    if (lane->state == Lane::State::kReady) {
      ready_.pop_front();  // it is the first one
      lane->state = Lane::State::kIdle;
    } else {
      Unschedule(*lane);
    }
  }
  for (auto& [topic_partition, partition] : partitions_) {
    for (auto& [key, lane] : partition->lanes) {
      for (const JobPtr& job : lane.queue) {
        job->due = NewDueTime(*policy_, *job, now);
        delivery::AdaptProgress(job->progress, *before, *policy_);
        // The endpoint, which may be another now, is asked again before anything is given up.
        job->dead.reset();
        job->dead_failures = 0;
        job->dead_refusals = 0;
      }
    }
  }
  for (Lane* lane : scheduled) Schedule(*lane, now.monotonic);
}

bool Lanes::Current(const Job& job) const { return !job.partition->fenced; }

Lanes::JobPtr Lanes::Take(base::MonotonicTime now) {
  if (!Takes()) return nullptr;
  PromoteDue(now);
  while (!ready_.empty()) {
    Lane& lane = *ready_.front();
    ready_.pop_front();
    Partition& partition = lane.partition;
    const Job& first = *lane.queue.front();
    if (first.progress.attempts == 0 && partition.tracker.Crowded() &&
        first.record.offset != partition.tracker.first_open()) {
      lane.state = Lane::State::kParked;
      SetAside(lane, true);
      partition.parked.push_back(&lane);
      partition.unparked_at = partition.tracker.first_open();
      continue;
    }
    lane.state = Lane::State::kBusy;
    JobPtr job = std::move(lane.queue.front());
    lane.queue.pop_front();
    lane.bytes -= job->bytes;
    EnterRow(*job, now);
    ++in_flight_;
    ++partition.in_flight;
    return job;
  }
  return nullptr;
}

bool Lanes::Finish(JobPtr job, const delivery::Decision& decision, base::MonotonicTime now) {
  Partition& partition = *job->partition;
  LeaveRow(*job);
  --in_flight_;
  --partition.in_flight;
  if (partition.fenced) {
    Release(*job);
    if (overfull_ > 0 && HasMuchRoom()) flow_pending_ = true;
    return false;
  }
  Lane& lane = *job->lane;
  if (std::exchange(lane.slow, false)) SetAside(lane, false);
  if (const auto* retry = std::get_if<delivery::Retry>(&decision)) {
    job->due = now + retry->delay;
    lane.bytes += job->bytes;
    lane.queue.push_front(std::move(job));
    lane.state = Lane::State::kIdle;
    if (!partition.held) Schedule(lane, now);
    return true;
  }
  Release(*job);
  if (std::holds_alternative<delivery::Stop>(decision)) halted_ = true;
  if (!std::holds_alternative<delivery::Deliver>(decision) &&
      !std::holds_alternative<delivery::Drop>(decision)) {
    return true;  // stopped or abandoned: the lane stays busy, so nothing behind the record passes
                  // it
  }
  partition.tracker.Finish(job->record.offset);
  if (overfull_ > 0 && (MayResume(partition) || HasMuchRoom())) flow_pending_ = true;
  lane.state = Lane::State::kIdle;
  if (lane.queue.empty()) {
    partition.lanes.erase(*lane.key);
  } else if (!partition.held) {
    Schedule(lane, now);
  }
  Unpark(partition, now);
  return true;
}

std::optional<base::MonotonicTime> Lanes::NextDue() const {
  if (!Takes() || timers_.empty()) return std::nullopt;
  return timers_.begin()->first;
}

Positions Lanes::TakeCommittable() {
  Positions positions;
  for (const auto& [topic_partition, partition] : partitions_) {
    const uint64_t version = partition->tracker.version();
    if (partition->taken_version == version) continue;
    partition->taken_version = version;
    const auto offset = partition->tracker.position();
    if (!offset) continue;
    Position position{
        topic_partition, *offset,
        delivery::EncodeFinished(*offset, partition->tracker.Finished(), max_metadata_bytes_)};
    if (partition->taken == position) continue;
    partition->taken = position;
    positions.push_back(std::move(position));
  }
  return positions;
}

void Lanes::NoteCommitted(const Positions& positions) {
  for (const Position& position : positions) {
    const auto found = partitions_.find(position.topic_partition);
    if (found != partitions_.end()) found->second->committed = position.offset;
  }
}

void Lanes::RestoreCommittable(const Positions& positions) {
  for (const Position& position : positions) {
    const auto found = partitions_.find(position.topic_partition);
    if (found == partitions_.end()) continue;
    found->second->taken.reset();
    found->second->taken_version = 0;
  }
}

Partitions Lanes::assignment() const {
  Partitions partitions;
  for (const auto& [topic_partition, partition] : partitions_)
    partitions.push_back(topic_partition);
  return partitions;
}

std::map<base::TopicPartition, std::optional<int64_t>> Lanes::Committed() const {
  std::map<base::TopicPartition, std::optional<int64_t>> committed;
  for (const auto& [topic_partition, partition] : partitions_) {
    committed[topic_partition] = partition->committed ? partition->committed : partition->began;
  }
  return committed;
}

size_t Lanes::InFlight(const Partitions& partitions) const {
  size_t count = 0;
  for (const base::TopicPartition& topic_partition : partitions) {
    const auto found = partitions_.find(topic_partition);
    if (found != partitions_.end()) count += found->second->in_flight;
  }
  return count;
}

}  // namespace khs::task
