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

// What this process knows of a group's commits, shared by its consumers and kept while the
// connector is stopped: a commit that is known but gone tells that its topic was recreated.
// Any thread.
class GroupMemory {
 public:
  // The group has committed `offset`, while the log ended at `log_end` or later.
  void Note(const base::TopicPartition& partition, int64_t offset, int64_t log_end);
  std::optional<KnownCommit> Find(const base::TopicPartition& partition) const;
  void Forget(const base::TopicPartition& partition);
  // Somebody else changes the commits.
  void ForgetCommits();
  // The group is to begin anew.
  void Clear();

  std::optional<GroupStart> start() const;
  void SetStart(const GroupStart& start);

 private:
  mutable std::mutex mutex_;
  std::map<base::TopicPartition, KnownCommit> commits_;
  std::optional<GroupStart> start_;
};

// The memories of a process, by group. Any thread.
class GroupMemories {
 public:
  // Forgets those that have had no consumer for a week: the brokers forget such a group, too.
  std::shared_ptr<GroupMemory> Of(const std::string& group);

 private:
  struct Kept {
    std::shared_ptr<GroupMemory> memory;
    std::chrono::steady_clock::time_point used;  // as far as is known
  };
  std::mutex mutex_;
  std::map<std::string, Kept> kept_;
};

}  // namespace khs::kafka
