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

// A member of the group: real lanes, driven as the poll loop and the dispatcher drive them, beside
// what is known of them in the plainest way. Throws Broken where the two differ.
class MemberModel {
 public:
  MemberModel(int id, BrokerModel& broker, const delivery::Policy& policy, const base::Now& now,
              bool buries, Schedule& schedule);

  // As the group says.
  void Assign(PartitionModel& partition);
  void BeginRevoke(Dice& dice);
  // False while requests are under way and the grace is not over.
  bool FinishRevoke(bool grace_over, bool committed);
  void Lose(Dice& dice, bool all);
  // The group believes that it is gone, which it learns later.
  void Depose();
  void Crash();

  void Poll(Dice& dice);
  void TakeFlow(bool only_if_pending);
  // False when there was nothing to take.
  bool Take();
  // The end of a random attempt, and what is decided then.
  bool EndAttempt(Dice& dice, bool well);
  bool EndBurial(Dice& dice, bool well);
  void SetPaused(bool paused);
  void Reconfigure(const delivery::Policy& policy);
  void BeginCommit(bool arrives);
  void EndCommit(bool answered, bool too_large);
  // Is told which attempts count no longer.
  void CutOff();
  void Halt();
  // Likewise, for all that it has; then it begins anew. False as with FinishRevoke.
  bool Leave(bool grace_over, bool committed);

  bool halted() const { return halted_; }
  bool paused() const { return paused_; }
  bool deposed() const { return deposed_; }
  bool revoking() const { return !revoking_.empty(); }
  bool owns_any() const { return !partitions_.empty(); }
  bool Has(const PartitionModel& partition) const { return partitions_.contains(partition.id); }
  bool HasReadAll() const;
  const delivery::Policy& policy() const { return policy_; }
  std::optional<base::MonotonicTime> NextDue() const { return lanes_->NextDue(); }

  // What can be seen from outside agrees.
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
    bool held = false;
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
    task::Lanes::JobPtr job;
    Waiting record;
    base::TopicPartition from;
    size_t log;
    uint64_t generation;
    std::string lane;
    bool outdated = false;
  };

  base::MonotonicTime now() const { return now_.monotonic; }
  void Begin();
  std::string LaneOf(const delivery::Record& record) const;
  base::MonotonicTime DueOf(const Waiting& record) const;
  bool Takes() const { return !halted_ && !paused_; }
  Owned* Current(const Flight& flight);
  void Forget(const task::Partitions& partitions, bool remember);
  void Add(Owned& owned, PartitionModel& partition, const delivery::Record& record);
  delivery::Decision Expected(const delivery::Reply& reply, delivery::Progress& progress) const;
  void Settle(Flight flight, const delivery::Decision& decision);
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
  const bool buries_;  // what is dropped becomes a dead letter
  Schedule& schedule_;

  std::unique_ptr<task::Lanes> lanes_;
  std::map<base::TopicPartition, Owned> partitions_;
  std::map<base::TopicPartition, Memory> memories_;
  std::vector<Flight> flights_;
  std::vector<Flight> burials_;
  bool halted_ = false;
  bool paused_ = false;
  bool deposed_ = false;
  bool outdated_ = false;
  bool saves_less_ = false;
  task::Partitions revoking_;
  std::deque<Committing> answers_to_come_;
  bool committing_ = false;
  std::map<base::TopicPartition, size_t> logs_given_up_;
  uint64_t generations_ = 0;
};

}  // namespace khs::testing
