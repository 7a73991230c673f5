#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "delivery/decision.h"
#include "support/schedules.h"
#include "task/lanes.h"
#include "unit/delivery/tracker_model.h"
#include "unit/task/broker_model.h"

namespace khs::testing {

// A member of the group: drives real lanes as the poll loop and the dispatcher do, beside a plain
// model of them. Throws Broken where the two differ.
class MemberModel {
 public:
  MemberModel(int id, BrokerModel& broker, const delivery::Policy& policy, const base::Now& now,
              bool sends_dead_letters, Schedule& schedule);

  void Assign(PartitionModel& partition);
  void BeginRevoke(Dice& dice);
  // Returns false while attempts are in flight and the grace is not over.
  bool FinishRevoke(bool grace_over, bool committed);
  void Lose(Dice& dice, bool all);
  // The group excludes the member, which learns of it later.
  void Depose();
  void Crash();

  void Poll(Dice& dice);
  void TakeFlow(bool only_if_pending);
  // Returns false when there is nothing to take.
  bool Take();
  // Ends a random attempt and applies the decision.
  bool EndAttempt(Dice& dice, bool well);
  bool EndDeadLetter(Dice& dice, bool well);
  void SetPaused(bool paused);
  void Reconfigure(const delivery::Policy& policy);
  void BeginCommit(bool arrives);
  void EndCommit(bool answered, bool too_large);
  // Checks whether the lanes report fenced attempts.
  void TakeFenced();
  void StopTaking();
  // Gives up all partitions and starts over. Returns false as FinishRevoke does.
  bool Leave(bool grace_over, bool committed);

  bool stopped() const { return stopped_; }
  bool paused() const { return paused_; }
  bool deposed() const { return deposed_; }
  bool revoking() const { return !revoking_.empty(); }
  bool owns_any() const { return !partitions_.empty(); }
  bool Has(const PartitionModel& partition) const { return partitions_.contains(partition.id); }
  bool HasReadAll() const;
  const delivery::Policy& policy() const { return policy_; }
  std::optional<base::MonotonicTime> NextDue() const { return lanes_->NextDue(); }

  // Compares everything that the lanes show.
  void Verify();
  void VerifyEmpty();

 private:
  struct Waiting {
    int64_t offset = 0;
    std::optional<std::chrono::milliseconds> timestamp;
    size_t bytes = 0;
    base::MonotonicTime read_at;
    base::MonotonicTime due;
    delivery::Progress progress;
    bool dead = false;
    int dead_failures = 0;
  };
  struct Lane {
    std::deque<Waiting> queue;
    bool busy = false;  // or stuck for good, after a stop
    std::optional<base::MonotonicTime> taken_at;
    base::MonotonicTime since;  // when the first of the queue was looked at
  };
  struct Owned {
    uint64_t generation = 0;
    size_t log = 0;
    size_t read = 0;  // how many of it
    bool revoking = false;
    bool flows = true;
    TrackerModel tracker;
    std::map<std::string, Lane> lanes;
    std::set<int64_t> did;  // what became done by this assignment
    std::optional<int64_t> committed;
    std::optional<std::pair<int64_t, delivery::OffsetRanges>> taken;
  };
  struct Memory {
    int64_t committed;
    int64_t position;
    delivery::OffsetRanges finished;
  };
  struct Committing {
    task::Positions positions;
    bool arrived;
  };
  struct Flight {
    task::JobPtr job;
    Waiting record;
    base::TopicPartition from;
    size_t log;
    uint64_t generation;
    std::string lane;
    bool settings_changed = false;
  };

  base::MonotonicTime now() const { return now_.monotonic; }
  base::MonotonicTime DeliveryTime() const {
    return (paused_ ? paused_since_ : now()) - paused_before_;
  }
  void Begin();
  std::string LaneOf(const delivery::Record& record) const;
  base::MonotonicTime DueOf(const Waiting& record) const;
  bool Takes() const { return !stopped_ && !paused_; }
  Owned* FindOwned(const Flight& flight);
  void Forget(const task::Partitions& partitions, bool remember);
  void Add(Owned& owned, PartitionModel& partition, const delivery::Record& record);
  delivery::Decision Expected(const delivery::Reply& reply, delivery::Progress& progress) const;
  void FinishJob(Flight flight, const delivery::Decision& decision);
  task::Positions TakePositions();
  void MakeCommittable(const task::Positions& positions);
  void Answer(const Committing& commit, bool well, bool too_large);
  void Send(const task::Positions& positions, bool committed);
  size_t BytesOf(const base::TopicPartition& id, const Owned& owned) const;
  template <class Function>
  void ForEachHead(Function&& function) const;
  [[noreturn]] void Fail(const std::string& what) const;

  const int id_;
  BrokerModel& broker_;
  delivery::Policy policy_;
  const base::Now& now_;
  const bool sends_dead_letters_;  // what is dropped becomes a dead letter
  Schedule& schedule_;

  std::unique_ptr<task::Lanes> lanes_;
  std::map<base::TopicPartition, Owned> partitions_;
  std::map<base::TopicPartition, Memory> memories_;
  std::vector<Flight> flights_;
  std::vector<Flight> dead_letters_;
  bool stopped_ = false;
  bool paused_ = false;
  base::MonotonicTime paused_since_;
  base::MonotonicTime::duration paused_before_{};
  bool deposed_ = false;
  bool fenced_in_flight_ = false;
  bool saves_less_ = false;
  task::Partitions revoking_;
  std::deque<Committing> answers_to_come_;
  bool committing_ = false;
  std::map<base::TopicPartition, size_t> logs_given_up_;
  uint64_t generations_ = 0;
};

}  // namespace khs::testing
