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
#include "kafka/group_memory.h"
#include "kafka/group_offsets.h"
#include "kafka/start_offsets.h"
#include "task/record_source.h"

namespace khs::kafka {

// Finds out where reading partitions starts: asks the brokers, and lets start_offsets.h decide.
// Blocks for some seconds at most, when brokers do not answer. The task's poll thread alone.
class StartResolver {
 public:
  // Every commit of the group, asked by another client.
  using GroupCommits =
      std::function<base::Expected<task::Positions, AdminError>(std::chrono::milliseconds timeout)>;

  // The client outlives it.
  StartResolver(rd_kafka_t* client, const Subscription& subscription, ResetPolicy policy,
                std::shared_ptr<GroupMemory> memory, GroupCommits group_commits);

  struct Starts {
    task::Positions offsets;  // of those for which one is known
    task::Positions committed;
    task::Positions begins;
    task::Losses losses;
  };
  // For an assignment. A partition without a leader and without a commit gets no offset: the
  // consumer will find it stuck. The error is for the task; the same call may succeed later.
  base::Expected<Starts, task::SourceError> Resolve(const task::Partitions& partitions);

  // An assigned partition about whose offsets there is doubt.
  struct Suspect {
    int64_t position = 0;  // the next offset to be read
    bool stuck = false;    // it is not read until its position is set
  };
  struct Moves {
    task::Positions offsets;  // where those go on whose position is to be set
    task::Losses losses;
    task::Partitions settled;  // no longer suspect, those that move among them
  };
  base::Expected<Moves, task::SourceError> ResolveMoves(
      const std::map<base::TopicPartition, Suspect>& suspects);

  // The partitions are read from where they were found to go on: what was known of the commits of
  // logs that are gone is forgotten.
  void Settled(const task::Losses& losses);

  // What a commit of these carries besides.
  task::Positions WithStart(task::Positions positions) const;

 private:
  base::Expected<std::optional<GroupStart>, task::SourceError> LearnStart(
      const std::optional<GroupStart>& in_commits, const task::Partitions& partitions,
      bool some_uncommitted, int64_t now_ms);

  rd_kafka_t* const client_;
  const uint32_t subscription_;
  const ResetPolicy policy_;
  const std::shared_ptr<GroupMemory> memory_;
  const GroupCommits group_commits_;
};

}  // namespace khs::kafka
