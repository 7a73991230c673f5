#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "kafka/broker_offsets.h"
#include "kafka/group_history.h"
#include "kafka/group_offsets.h"
#include "kafka/start_offsets.h"
#include "task/record_source.h"

namespace khs::kafka {

// Finds the offsets at which partitions are read: asks the brokers for the facts, and lets
// start_offsets.h decide. A call blocks for some seconds at most when brokers do not answer. The
// task's poll thread alone; owned by Consumer::Client.
class StartResolver {
 public:
  // Reads every commit of the group, with another client.
  using GroupCommits =
      std::function<base::Expected<task::Positions, AdminError>(std::chrono::milliseconds timeout)>;

  // Questions to the brokers; see broker_offsets.h.
  struct Questions {
    std::function<Asked<task::Positions>(const task::Partitions&)> committed;
    std::function<Asked<std::map<base::TopicPartition, LogRange>>(const task::Partitions&)> ranges;
    std::function<Asked<std::map<base::TopicPartition, int64_t>>(const task::Partitions&,
                                                                 int64_t time_ms)>
        offsets_since;
    std::function<Asked<int32_t>(const std::string& topic)> partition_count;
    GroupCommits group_commits;

    // All but group_commits are asked with the client, which outlives the result.
    static Questions OfClient(rd_kafka_t* client, GroupCommits group_commits);
  };

  StartResolver(Questions questions, const Subscription& subscription, ResetPolicy policy,
                std::shared_ptr<GroupHistory> history);

  struct Starts {
    task::Positions offsets;    // of partitions whose start is known
    task::Positions committed;  // that are still valid
    task::Positions begins;     // to be committed at once
    task::Losses losses;
  };
  // Finds the starts of assigned partitions. A partition without a leader and without a commit gets
  // no offset. The error is for the task; the same call may succeed later.
  base::Expected<Starts, task::SourceError> ResolveStarts(const task::Partitions& partitions);

  struct ReadState {
    int64_t position = 0;  // the next offset to be read
    bool stopped = false;  // librdkafka does not fetch the partition until its position is set
  };
  struct Moves {
    task::Positions offsets;  // of partitions whose position has to be set
    task::Losses losses;
    task::Partitions resolved;  // no longer suspect, whether they move or not
  };
  // Finds where suspect partitions are read from next.
  base::Expected<Moves, task::SourceError> ResolveMoves(
      const std::map<base::TopicPartition, ReadState>& suspects);

  // Removes the commits of logs that are gone from the history. To be called when the partitions
  // were assigned at their new offsets.
  void ForgetLostCommits(const task::Losses& losses);

  // Adds the group's start to the metadata of commits when the policy is `latest`.
  task::Positions AddGroupStart(task::Positions positions) const;

 private:
  struct Commits;
  static Commits ReadCommits(task::Positions committed);
  base::Expected<Starts, task::SourceError> TryResolveStarts(const task::Partitions& partitions);
  base::Expected<Moves, task::SourceError> TryResolveMoves(
      const std::map<base::TopicPartition, ReadState>& suspects);
  // Adds a decided start to the starts.
  void AddStart(const Start& start, const PartitionFacts& facts, const Commits& commits,
                Starts& starts) const;
  base::Expected<std::optional<GroupStart>, task::SourceError> FindGroupStart(
      const std::optional<GroupStart>& in_commits, const task::Partitions& partitions,
      bool some_uncommitted, int64_t now_ms);

  const Questions questions_;
  const uint32_t subscription_;  // its SubscriptionId
  const ResetPolicy policy_;
  const std::shared_ptr<GroupHistory> history_;
};

}  // namespace khs::kafka
