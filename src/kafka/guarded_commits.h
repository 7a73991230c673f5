#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "kafka/broker_offsets.h"
#include "kafka/group_memory.h"
#include "kafka/join_watch.h"
#include "kafka/log_ends.h"
#include "task/record_source.h"

namespace khs::kafka {

// Commits a consumer's offsets. Before each commit the brokers are asked what is committed: they
// delete a group's commits together with a topic, so a commit that is known but gone tells that the
// topic was recreated, and a commit would overwrite that. The partitions of such a commit become
// doubtful, and are withheld until they are cleared.
//
// The question blocks the poll thread for some milliseconds, and for a second at most while the
// brokers do not answer.
//
// The task's poll thread alone.
class GuardedCommits {
 public:
  using Signer = std::function<task::Positions(task::Positions)>;

  // What is passed by pointer or reference outlives it; `log_ends` may be null. Answers are events
  // of the queue. `is_lost` says whether others may have the partitions by now. `sign` adds to each
  // commit what it carries besides.
  GuardedCommits(rd_kafka_t* client, rd_kafka_queue_t* queue, const JoinWatch& join_watch,
                 std::shared_ptr<GroupMemory> memory, const LogEnds::Watch* log_ends, Signer sign,
                 std::function<bool()> is_lost);

  // Sends a commit, as soon as no join is under way; an earlier one that has not been sent is
  // replaced.
  void Commit(task::Positions positions);
  task::Committed CommitAndWait(task::Positions positions, std::chrono::milliseconds timeout);
  // Gives up a commit that has not been sent.
  void Cancel();
  // Asks whether the commits of these partitions are still there. False when nobody answered.
  bool Check(const task::Partitions& partitions);

  // Sends what was waiting for a join to end. To be called before each poll.
  void Proceed();
  // A commit that could not be sent, or of which nothing was left to be sent.
  std::optional<task::Committed> TakeEnded() { return std::exchange(ended_, std::nullopt); }
  task::Committed OnCommitted(rd_kafka_event_t* event);

  // Why a partition is doubtful.
  enum class Doubt {
    kPosition,  // it can't be read on from where it stands; its commit, if it is there, is its own
    kTopic,     // its topic may be another one by now: nothing of it is committed
  };
  const std::map<base::TopicPartition, Doubt>& doubtful() const { return doubtful_; }
  void Suspect(const base::TopicPartition& partition, Doubt doubt);
  void Clear(const base::TopicPartition& partition) { doubtful_.erase(partition); }

 private:
  struct Sent {
    task::Positions positions;  // as they were given
    task::Positions sent;
    task::Partitions withheld;
  };
  // Finds the commits that are gone. The error: nobody answered.
  std::optional<task::CommitError> FindGone(const task::Partitions& partitions,
                                            std::chrono::milliseconds timeout);
  // The error: all partitions are lost, and others may have them already.
  std::optional<task::CommitError> Lost() const;
  bool Withholds(const base::TopicPartition& partition) const;
  // `positions`, apart from those that are withheld.
  Sent Sort(task::Positions positions) const;
  void Send(task::Positions positions);
  void Note(const task::Positions& positions);

  rd_kafka_t* const client_;
  rd_kafka_queue_t* const queue_;
  const JoinWatch& join_watch_;
  const std::shared_ptr<GroupMemory> memory_;
  const LogEnds::Watch* const log_ends_;
  const Signer sign_;
  const std::function<bool()> is_lost_;

  std::optional<task::Positions> waiting_;  // for a join to end
  std::chrono::milliseconds patience_;      // with the next answer
  std::optional<Sent> sent_;
  std::optional<task::Committed> ended_;
  std::map<base::TopicPartition, Doubt> doubtful_;
};

}  // namespace khs::kafka
