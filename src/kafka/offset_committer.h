#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "kafka/broker_offsets.h"
#include "kafka/group_history.h"
#include "kafka/log_end_offsets.h"
#include "kafka/workarounds/rebalance_monitor.h"
#include "task/record_source.h"

namespace khs::kafka {

// Commits a consumer's offsets, and keeps the list of suspect partitions.
//
// Before each commit it asks the brokers what is committed. Brokers delete a group's commits
// together with a topic, so a commit that is known but gone means that the topic was recreated. A
// new commit would hide that. Such partitions become suspect, and their commits are withheld until
// PositionRecovery has found where to go on.
//
// The question usually blocks the poll thread for some milliseconds, and for at most a second when
// the brokers do not answer. The task's poll thread alone; owned by Consumer::Client.
class OffsetCommitter {
 public:
  using MetadataAdder = std::function<task::Positions(task::Positions)>;

  // What is passed by pointer or reference outlives it; `log_end_offsets` may be null. Results of
  // commits become events of the queue. `is_lost` says whether others may own the partitions by
  // now. `add_metadata` completes the metadata of each commit.
  OffsetCommitter(rd_kafka_t* client, rd_kafka_queue_t* queue, const RebalanceMonitor& monitor,
                  std::shared_ptr<GroupHistory> history,
                  const LogEndOffsets::Watch* log_end_offsets, MetadataAdder add_metadata,
                  std::function<bool()> is_lost);

  // Sends a commit as soon as the member is not joining. Replaces one that was not sent yet.
  void Commit(task::Positions positions);
  task::Committed CommitAndWait(task::Positions positions, std::chrono::milliseconds timeout);
  void CancelPending();
  // Marks partitions whose commits are gone as suspect. False when no broker answered.
  bool CheckCommits(const task::Partitions& partitions);

  // Sends a commit that waited for a join to end. To be called before each poll.
  void SendPending();
  // The result of a commit that was not sent.
  std::optional<task::Committed> TakeResult() { return std::exchange(result_, std::nullopt); }
  // Converts librdkafka's event about a commit.
  task::Committed OnCommitted(rd_kafka_event_t* event);

  enum class SuspectReason {
    kPosition,  // the position has to be set again; the commit, if there is one, is valid
    kTopic,     // the topic may have been recreated; commits are withheld
  };
  const std::map<base::TopicPartition, SuspectReason>& suspects() const { return suspects_; }
  void AddSuspect(const base::TopicPartition& partition, SuspectReason reason);
  void RemoveSuspect(const base::TopicPartition& partition) { suspects_.erase(partition); }

 private:
  // A commit, without the positions that are withheld.
  struct Request {
    task::Positions given;
    task::Positions sent;
    task::Partitions withheld;
  };
  // Adds suspects. The error: no broker answered.
  std::optional<task::CommitError> FindDeletedCommits(const task::Partitions& partitions,
                                                      std::chrono::milliseconds timeout);
  // The error of a commit when all partitions are lost.
  std::optional<task::CommitError> LostError() const;
  bool IsWithheld(const base::TopicPartition& partition) const;
  Request MakeRequest(task::Positions positions) const;
  void Send(task::Positions positions);
  void RecordCommits(const task::Positions& positions);

  rd_kafka_t* const client_;
  rd_kafka_queue_t* const queue_;
  const RebalanceMonitor& monitor_;
  const std::shared_ptr<GroupHistory> history_;
  const LogEndOffsets::Watch* const log_end_offsets_;
  const MetadataAdder add_metadata_;
  const std::function<bool()> is_lost_;

  std::optional<task::Positions> pending_;    // until a join has ended
  std::chrono::milliseconds answer_timeout_;  // of the next question
  std::optional<Request> in_flight_;
  std::optional<task::Committed> result_;
  std::map<base::TopicPartition, SuspectReason> suspects_;
};

}  // namespace khs::kafka
