#pragma once

#include <chrono>
#include <optional>
#include <set>

#include "kafka/assignment.h"
#include "kafka/offset_committer.h"
#include "kafka/record_queues.h"
#include "kafka/start_resolver.h"
#include "kafka/workarounds/rebalance_monitor.h"
#include "kafka/workarounds/recreated_topic.h"
#include "task/record_source.h"

namespace khs::kafka {

// The pause before the brokers are asked again after a failure.
inline constexpr std::chrono::seconds kBrokerRetry{1};

// Finds the right position of suspect partitions and assigns them again there. A partition is
// suspect when librdkafka stopped fetching it, when its offsets may be those of another log by now,
// or when nobody could say where it starts (OffsetCommitter::suspects). Owned by Consumer::Client
// and used by the task's poll thread.
class PositionRecovery {
 public:
  // All arguments must outlive this object.
  PositionRecovery(rd_kafka_t* client, Assignment& assignment, StartResolver& resolver,
                   OffsetCommitter& committer, const RebalanceMonitor& monitor,
                   const RecreatedTopics& recreated)
      : client_(client),
        assignment_(assignment),
        resolver_(resolver),
        committer_(committer),
        monitor_(monitor),
        recreated_(recreated) {}
  PositionRecovery(const PositionRecovery&) = delete;
  PositionRecovery& operator=(const PositionRecovery&) = delete;

  // Whether librdkafka no longer fetches the partition after such an error.
  static bool StopsFetching(rd_kafka_resp_err_t code);

  // librdkafka reported an error of a partition.
  void OnError(const RecordQueues::Error& error);
  // The partition has to be assigned again at its position.
  void OnStopped(const base::TopicPartition& partition);
  // Records of a stopped partition are read again, so they are discarded.
  void DiscardStopped(task::Records& records) const;
  // The partitions are no longer assigned.
  void Forget(const task::Partitions& partitions);

  bool pending() const { return !committer_.suspects().empty(); }
  // Does what is due: checks every 30 s that all commits still exist, and moves suspect partitions.
  // Blocks for some seconds at most. The event is for the task.
  std::optional<task::SourceEvent> Run(std::chrono::steady_clock::time_point now);
  // The next Run checks the commits: a topic may have been recreated while partitions were paused.
  void CheckCommitsSoon() { next_check_ = {}; }

 private:
  using Time = std::chrono::steady_clock::time_point;

  void CheckCommits(Time now);
  std::optional<task::SourceEvent> Recover();

  rd_kafka_t* const client_;
  Assignment& assignment_;
  StartResolver& resolver_;
  OffsetCommitter& committer_;
  const RebalanceMonitor& monitor_;
  const RecreatedTopics& recreated_;
  std::set<base::TopicPartition> stopped_;  // librdkafka does not fetch them
  Time next_attempt_;
  Time next_check_;
};

}  // namespace khs::kafka
