#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/clock.h"
#include "delivery/decision.h"
#include "delivery/offset_tracker.h"
#include "delivery/policy.h"
#include "delivery/record.h"
#include "task/dead_letter_queue.h"
#include "task/record_source.h"

namespace khs::task {

// The order in which a task's records are delivered, and what of them is done: pure bookkeeping on
// a time that is passed in. A lane is a row of records of which only the first may be on its way;
// which records share one follows from the ordering. Not thread-safe: the dispatcher's lock guards
// it.
class Lanes {
  struct Lane;
  struct Partition;

 public:
  // A record that was taken for an attempt. Whoever holds it owns it, so a partition that is
  // revoked meanwhile leaves nothing behind that both sides could touch.
  struct Job {
    delivery::Record record;
    delivery::Progress progress;
    base::MonotonicTime read_at;
    base::MonotonicTime due;
    size_t bytes = 0;
    std::optional<DeadLetterCause> dead;  // on its way to the dead letter queue
    int dead_failures = 0;                // of that way
    int dead_refusals = 0;                // of these, the permanent ones

   private:
    friend class Lanes;
    std::shared_ptr<Partition> partition;
    Lane* lane = nullptr;
    // In the row of those on their way, while their lane does not count as slow.
    base::MonotonicTime taken_at;
    Job* before = nullptr;
    Job* after = nullptr;
    bool in_row = false;
  };
  using JobPtr = std::unique_ptr<Job>;

  enum class AddResult {
    kAdded,
    kFinished,     // ignored: it was finished before the commit that was restored
    kNotAssigned,  // ignored: the partition belongs to someone else by now
    kStartedOver,  // added; the partition's offsets went back, so what was queued before is
                   // forgotten
  };

  struct Flow {
    Partitions pause;
    Partitions resume;
  };

  explicit Lanes(std::shared_ptr<const delivery::Policy> policy);
  ~Lanes();
  Lanes(const Lanes&) = delete;
  Lanes& operator=(const Lanes&) = delete;

  void Assign(const Partitions& partitions);
  // Goes on from a commit, if there is one: `finished` need not be delivered again. Right after
  // Assign. Nor need what was finished before the partition was fenced, and not committed, as long
  // as the commit shows that nobody has gone beyond that, or back, since.
  void Restore(const base::TopicPartition& topic_partition, std::optional<int64_t> committed,
               delivery::OffsetRanges finished);
  // Reading goes on here, which no commit says: see delivery::OffsetTracker.
  void Begin(const Position& position);
  // Reading an assigned partition goes on at the loss's end. Within one log what was read still
  // counts; in another one it is forgotten, and jobs of it that are on their way come back to no
  // effect. Returns what is lost to delivery: without those that are known to be finished, with
  // those that are forgotten.
  Loss PassOver(const Loss& loss);
  // Forgets the partitions, but for what of them is finished. Jobs of them that are on their way
  // come back to no effect.
  void Fence(const Partitions& partitions);
  // Takes no more jobs from the partitions, whose jobs under way still count.
  void Hold(const Partitions& partitions);
  // Takes no more jobs at all.
  void Halt() { halted_ = true; }
  // Takes no jobs for the time being, and lets nothing flow. What is held stays, and so do the
  // times at which it is due.
  void SetPaused(bool paused);

  AddResult Add(delivery::Record record, const base::Now& now);

  // The next record whose turn and time have come; the caller makes an attempt and calls Finish.
  JobPtr Take(base::MonotonicTime now);
  // False when the job's partition was fenced meanwhile: whatever was decided has no effect.
  bool Finish(JobPtr job, const delivery::Decision& decision, base::MonotonicTime now);

  // Goes on under another policy, of the same ordering and bound. What waits for its retry waits no
  // longer, so that the next attempt is the new definition's; a delay counts anew.
  void Reconfigure(std::shared_ptr<const delivery::Policy> policy, const base::Now& now);

  // Whether a job may be taken without waiting for its time.
  bool HasReady() const { return Takes() && !ready_.empty(); }
  // Whether what is decided about the job still counts.
  bool Current(const Job& job) const;
  // Some jobs on their way no longer count; to be told once.
  bool Outdated() const { return outdated_; }
  bool TakeOutdated() { return std::exchange(outdated_, false); }
  // When the next waiting record is due, if one waits.
  std::optional<base::MonotonicTime> NextDue() const;

  // Positions that moved since they were last taken, or beyond which more is finished.
  Positions TakeCommittable();
  // The broker takes less with a commit than was sent: what lies furthest is left out from now on,
  // and repeated after a crash.
  void SaveLess() { max_metadata_bytes_ /= 2; }
  // A commit that succeeded.
  void NoteCommitted(const Positions& positions);
  // A commit that failed: the positions are committable again, unless they have moved on.
  void RestoreCommittable(const Positions& positions);

  // How many bytes should be read: none when what is at hand keeps the endpoint busy for a while.
  // What waits for its retry, or behind a request that does not end, does not count as long as
  // there is room for more.
  size_t WantedBytes(base::MonotonicTime now);
  // More is wanted again, after it was not.
  bool RunsLow();
  // Which partitions are to stop flowing and which are to flow again, since the last call: for what
  // they hold, or because of SetPaused. One that is assigned flows at first.
  Flow TakeFlow();
  bool FlowPending() const { return flow_pending_; }

  Partitions assignment() const;
  bool IsAssigned(const base::TopicPartition& topic_partition) const {
    return partitions_.contains(topic_partition);
  }
  // What of each partition is committed, as far as is known; where reading began, as long as
  // nothing is; nothing before the first record.
  std::map<base::TopicPartition, std::optional<int64_t>> Committed() const;
  size_t InFlight(const Partitions& partitions) const;
  size_t in_flight() const { return in_flight_; }
  size_t records() const { return records_; }
  size_t bytes() const { return bytes_; }
  size_t waiting_retry() const { return waiting_retry_; }

 private:
  // Of a partition that was fenced.
  struct Memory {
    int64_t committed = 0;  // as far as was known
    int64_t position = 0;
    delivery::OffsetRanges finished;  // beyond the position
  };

  using Timers = std::set<std::pair<base::MonotonicTime, Lane*>>;

  std::string LaneKey(const delivery::Record& record) const;
  void Schedule(Lane& lane, base::MonotonicTime now);
  void Unschedule(Lane& lane);
  void Unschedule(Partition& partition);
  void EnterRow(Job& job, base::MonotonicTime now);
  void LeaveRow(Job& job);
  void NoteSlow(base::MonotonicTime now);
  void PromoteDue(base::MonotonicTime now);
  void Forget(Partition& partition);
  void StartOver(const Position& position);
  void Release(const Job& job);
  void SetAside(Lane& lane, bool aside);
  void Unpark(Partition& partition, base::MonotonicTime now);
  size_t Share() const;
  bool Full() const { return bytes_ >= policy_->queue_max_bytes / 2; }
  bool HasMuchRoom() const { return bytes_ <= policy_->queue_max_bytes / 4; }
  bool MayResume(const Partition& partition) const;
  bool Takes() const { return !halted_ && !paused_; }
  size_t active_bytes() const { return bytes_ - aside_bytes_; }
  bool EnoughAtHand(size_t bytes) const;

  std::shared_ptr<const delivery::Policy> policy_;
  std::map<base::TopicPartition, std::shared_ptr<Partition>> partitions_;
  std::map<base::TopicPartition, Memory> memories_;
  std::deque<Lane*> ready_;  // first come, first served
  Timers timers_;
  bool halted_ = false;
  bool paused_ = false;
  bool flow_pending_ = false;
  bool outdated_ = false;
  size_t in_flight_ = 0;
  size_t records_ = 0;        // queued or in flight
  size_t bytes_ = 0;          // of those records
  size_t aside_bytes_ = 0;    // of those in lanes that can't be taken from now
  bool refused_ = false;      // the last word was that no more is wanted
  Job* row_first_ = nullptr;  // of the jobs on their way, the one taken first
  Job* row_last_ = nullptr;
  size_t overfull_ = 0;  // partitions
  size_t waiting_retry_ = 0;
  size_t max_metadata_bytes_ = delivery::kMaxMetadataBytes;
};

}  // namespace khs::task
