#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/topic_partition.h"
#include "kafka/group_start.h"
#include "kafka/start_offsets.h"

namespace khs::kafka {

// What this process has seen of a group's commits, and when the group started. A commit that is
// known here but gone at the brokers means that its topic was recreated. The group's consumers
// share it, and it is kept while the connector is stopped. Any thread.
class GroupHistory {
 public:
  // The group has committed `offset`. The log ended at `log_end` or later.
  void RecordCommit(const base::TopicPartition& partition, int64_t offset, int64_t log_end);
  std::optional<KnownCommit> FindCommit(const base::TopicPartition& partition) const;
  void ForgetCommit(const base::TopicPartition& partition);
  // For when the commits are changed from outside of the group.
  void ForgetCommits();
  // For when the group is deleted.
  void Clear();

  std::optional<GroupStart> start() const;
  void MergeStart(const GroupStart& start);

 private:
  mutable std::mutex mutex_;
  std::map<base::TopicPartition, KnownCommit> commits_;
  std::optional<GroupStart> start_;
};

// The histories of all groups of the process. Owned by `app`. Any thread.
class GroupHistories {
 public:
  // Also removes histories that no consumer has used for a week; the brokers forget such a group
  // too.
  std::shared_ptr<GroupHistory> Get(const std::string& group);

 private:
  struct Entry {
    std::shared_ptr<GroupHistory> history;
    std::chrono::steady_clock::time_point last_used;  // as seen by Get
  };
  std::mutex mutex_;
  std::map<std::string, Entry> entries_;
};

}  // namespace khs::kafka
