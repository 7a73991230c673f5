#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/clock.h"
#include "delivery/policy.h"
#include "task/lane.h"

namespace khs::task {

// Decides which record is delivered next: puts records into lanes and moves the lanes through their
// states. Owned by Lanes.
//
// Example: ordering by key, offsets 10 to 15 of one partition, two attempts at once.
//
//   lane "ka":  [10] 13    kInFlight    13 waits until 10 is done
//   lane "kb":   11  14    kBackingOff  11 waits for its retry, and 14 waits behind it
//   lane "o12": [12]       kInFlight    12 has no key, so it has a lane of its own
//   lane "kc":   15        kReady       15 is taken when one of the attempts has ended
class LaneSchedule {
 public:
  // An attempt that takes longer does not keep the endpoint busy with what is queued behind it.
  static constexpr std::chrono::milliseconds kSlow{100};

  struct Removed {
    size_t jobs = 0;
    size_t bytes = 0;
  };

  explicit LaneSchedule(delivery::Ordering ordering) : ordering_(ordering) {}

  // Appends a job to the lane of its record.
  void Add(const std::shared_ptr<Partition>& partition, JobPtr job, base::MonotonicTime now);

  // Takes the next job that is due, if there is one.
  JobPtr Take(base::MonotonicTime now);
  // Call this when the attempt of a taken job has ended; then call Requeue, Advance or StopLane.
  void EndFlight(Job& job);
  // The job waits for its next attempt, at the head of its lane.
  void Requeue(JobPtr job, base::MonotonicTime now);
  // The job is done: the lane's next job becomes its head; an empty lane is removed.
  void Advance(const Job& job, base::MonotonicTime now);
  // Nothing may overtake the job any more.
  void StopLane(const Job& job);

  // Takes nothing more from the partition.
  void Suspend(Partition& partition);
  // Suspends the partition and removes its queued jobs.
  Removed Clear(Partition& partition);
  // Looks at all due times again, after they were changed.
  void Reschedule(base::MonotonicTime now);
  // Notes which attempts have become slow.
  void MarkSlow(base::MonotonicTime now);

  bool HasReady() const { return !ready_.empty(); }
  std::optional<base::MonotonicTime> NextDue() const;
  // Lanes that keep the endpoint busy.
  size_t busy_lanes() const { return ready_.size() + in_flight_; }
  size_t in_flight() const { return in_flight_; }
  size_t backing_off() const { return backing_off_; }
  // Of the queued jobs that can't be taken soon, because their lane waits or is slow.
  size_t waiting_bytes() const { return waiting_bytes_; }

 private:
  std::string KeyOf(const delivery::Record& record) const;
  void SetState(Lane& lane, Lane::State state);
  void Resize(Lane& lane, size_t bytes);
  void Schedule(Lane& lane, base::MonotonicTime now);
  void PromoteDue(base::MonotonicTime now);
  void Defer(Lane& lane);
  void ResumeDeferred(Partition& partition, base::MonotonicTime now);
  void Link(Job& job, base::MonotonicTime now);
  void Unlink(Job& job);

  const delivery::Ordering ordering_;
  std::deque<Lane*> ready_;  // first come, first served
  std::set<std::pair<base::MonotonicTime, Lane*>> timers_;
  // The jobs in flight that are not slow yet, ordered by the time when they were taken.
  Job* first_in_flight_ = nullptr;
  Job* last_in_flight_ = nullptr;
  size_t in_flight_ = 0;
  size_t backing_off_ = 0;
  size_t waiting_bytes_ = 0;
};

}  // namespace khs::task
