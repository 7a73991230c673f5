#include "task/lane_schedule.h"

#include <algorithm>
#include <utility>

namespace khs::task {
namespace {

using State = Lane::State;

// Whether what is queued in the lane can't be taken soon.
bool Waits(State state) {
  return state == State::kDelayed || state == State::kBackingOff || state == State::kDeferred ||
         state == State::kSlow;
}

}  // namespace

std::string LaneSchedule::KeyOf(const delivery::Record& record) const {
  if (ordering_ == delivery::Ordering::kPartition) return {};
  if (ordering_ == delivery::Ordering::kKey && record.key) return "k" + *record.key;
  return "o" + std::to_string(record.offset);  // a lane of its own
}

void LaneSchedule::SetState(Lane& lane, State state) {
  if (Waits(lane.state)) waiting_bytes_ -= lane.bytes;
  if (lane.state == State::kBackingOff) --backing_off_;
  lane.state = state;
  if (Waits(lane.state)) waiting_bytes_ += lane.bytes;
  if (lane.state == State::kBackingOff) ++backing_off_;
}

void LaneSchedule::Resize(Lane& lane, size_t bytes) {
  if (Waits(lane.state)) waiting_bytes_ = waiting_bytes_ - lane.bytes + bytes;
  lane.bytes = bytes;
}

void LaneSchedule::Add(const std::shared_ptr<Partition>& partition, JobPtr job,
                       base::MonotonicTime now) {
  const auto at = partition->lanes.try_emplace(KeyOf(job->record), *partition).first;
  Lane& lane = at->second;
  lane.key = &at->first;
  job->partition = partition;
  job->lane = &lane;
  Resize(lane, lane.bytes + job->bytes);
  lane.queue.push_back(std::move(job));
  if (lane.state == State::kIdle) Schedule(lane, now);
}

void LaneSchedule::Schedule(Lane& lane, base::MonotonicTime now) {
  const Job& first = *lane.queue.front();
  if (first.due <= now) {
    SetState(lane, State::kReady);
    ready_.push_back(&lane);
    return;
  }
  SetState(lane, first.progress.attempts > 0 ? State::kBackingOff : State::kDelayed);
  lane.due = first.due;
  timers_.emplace(lane.due, &lane);
}

void LaneSchedule::PromoteDue(base::MonotonicTime now) {
  while (!timers_.empty() && timers_.begin()->first <= now) {
    Lane* const lane = timers_.begin()->second;
    timers_.erase(timers_.begin());
    SetState(*lane, State::kReady);
    ready_.push_back(lane);
  }
}

JobPtr LaneSchedule::Take(base::MonotonicTime now) {
  PromoteDue(now);
  while (!ready_.empty()) {
    Lane& lane = *ready_.front();
    ready_.pop_front();
    Partition& partition = lane.partition;
    const Job& first = *lane.queue.front();
    if (first.progress.attempts == 0 && partition.offsets.Crowded() &&
        first.record.offset != partition.offsets.first_open()) {
      Defer(lane);
      partition.deferred_at = partition.offsets.first_open();
      continue;
    }
    JobPtr job = std::move(lane.queue.front());
    lane.queue.pop_front();
    Resize(lane, lane.bytes - job->bytes);
    SetState(lane, State::kInFlight);
    Link(*job, now);
    ++in_flight_;
    ++partition.in_flight;
    return job;
  }
  return nullptr;
}

void LaneSchedule::Defer(Lane& lane) {
  SetState(lane, State::kDeferred);
  lane.partition.deferred.push_back(&lane);
}

// Schedules the deferred lanes again: all of them once commits have room, and before that the one
// with the first open record, since the position moves with it.
void LaneSchedule::ResumeDeferred(Partition& partition, base::MonotonicTime now) {
  if (partition.deferred.empty() || partition.revoking) return;
  const bool crowded = partition.offsets.Crowded();
  const auto first_open = partition.offsets.first_open();
  if (crowded && first_open == partition.deferred_at) return;
  partition.deferred_at = first_open;
  for (Lane* const lane : std::exchange(partition.deferred, {})) {
    if (crowded && lane->queue.front()->record.offset != first_open) {
      Defer(*lane);
    } else {
      Schedule(*lane, now);
    }
  }
}

void LaneSchedule::EndFlight(Job& job) {
  if (job.lane->state == State::kInFlight) Unlink(job);
  SetState(*job.lane, State::kIdle);
  --in_flight_;
  --job.partition->in_flight;
}

void LaneSchedule::Requeue(JobPtr job, base::MonotonicTime now) {
  Lane& lane = *job->lane;
  Resize(lane, lane.bytes + job->bytes);
  lane.queue.push_front(std::move(job));
  if (!lane.partition.revoking) Schedule(lane, now);
}

void LaneSchedule::Advance(const Job& job, base::MonotonicTime now) {
  Lane& lane = *job.lane;
  Partition& partition = lane.partition;
  if (lane.queue.empty()) {
    partition.lanes.erase(*lane.key);
  } else if (!partition.revoking) {
    Schedule(lane, now);
  }
  ResumeDeferred(partition, now);
}

void LaneSchedule::StopLane(const Job& job) { SetState(*job.lane, State::kStopped); }

// Goes over the ready lanes of all partitions once, and not once for each lane.
void LaneSchedule::Suspend(Partition& partition) {
  std::erase_if(ready_, [&partition](const Lane* lane) { return &lane->partition == &partition; });
  partition.deferred.clear();
  for (auto& [key, lane] : partition.lanes) {
    switch (lane.state) {
      case State::kDelayed:
      case State::kBackingOff:
        timers_.erase({lane.due, &lane});
        [[fallthrough]];
      case State::kReady:
      case State::kDeferred:
        SetState(lane, State::kIdle);
        break;
      case State::kIdle:
      case State::kInFlight:
      case State::kSlow:
      case State::kStopped:
        break;
    }
  }
}

LaneSchedule::Removed LaneSchedule::Clear(Partition& partition) {
  Suspend(partition);
  Removed removed;
  for (auto& [key, lane] : partition.lanes) {
    removed.jobs += lane.queue.size();
    removed.bytes += lane.bytes;
    lane.queue.clear();
    Resize(lane, 0);
  }
  return removed;
}

void LaneSchedule::Reschedule(base::MonotonicTime now) {
  std::vector<Lane*> lanes(ready_.begin(), ready_.end());
  for (const auto& [due, lane] : timers_) lanes.push_back(lane);
  ready_.clear();
  timers_.clear();
  for (Lane* const lane : lanes) Schedule(*lane, now);
}

void LaneSchedule::MarkSlow(base::MonotonicTime now) {
  while (first_in_flight_ != nullptr && now - first_in_flight_->taken_at >= kSlow) {
    Job& job = *first_in_flight_;
    Unlink(job);
    SetState(*job.lane, State::kSlow);
  }
}

void LaneSchedule::Link(Job& job, base::MonotonicTime now) {
  job.taken_at = now;
  job.previous = std::exchange(last_in_flight_, &job);
  job.next = nullptr;
  (job.previous != nullptr ? job.previous->next : first_in_flight_) = &job;
}

void LaneSchedule::Unlink(Job& job) {
  (job.previous != nullptr ? job.previous->next : first_in_flight_) = job.next;
  (job.next != nullptr ? job.next->previous : last_in_flight_) = job.previous;
}

std::optional<base::MonotonicTime> LaneSchedule::NextDue() const {
  if (timers_.empty()) return std::nullopt;
  return timers_.begin()->first;
}

}  // namespace khs::task
