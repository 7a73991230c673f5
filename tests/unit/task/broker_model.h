#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "delivery/finished_offsets.h"
#include "delivery/record.h"
#include "support/schedules.h"
#include "task/record_source.h"
#include "unit/delivery/tracker_model.h"

namespace khs::testing {

// One log of a partition. A recreated topic begins another one, whose offsets are all lower than
// those of the previous one.
struct LogModel {
  std::vector<delivery::Record> records;
  int64_t next = 0;
  std::set<int64_t> done;  // delivered or dropped by a member to which that counted

  size_t IndexOf(int64_t offset) const {
    const auto found =
        std::lower_bound(records.begin(), records.end(), offset,
                         [](const delivery::Record& r, int64_t o) { return r.offset < o; });
    return static_cast<size_t>(found - records.begin());
  }
};

struct PartitionModel {
  base::TopicPartition id;
  std::vector<LogModel> logs;  // the last is the present one
  std::optional<task::Position> commit;
  size_t commit_log = 0;  // which log it is of
  int owner = -1;         // the member, as the group knows

  LogModel& log() { return logs.back(); }
};

// The state of Kafka: logs, commits and owners. Fails when a commit passes a record that is not
// finished.
class BrokerModel {
 public:
  BrokerModel(int partitions, Dice& dice) {
    for (int i = 0; i < partitions; ++i) {
      PartitionModel partition{{"t", i}, {LogModel()}, {}, 0, -1};
      partition.log().next = kLogSpan * kMostLogs + dice.Between(0, 3);
      partitions_.push_back(std::move(partition));
    }
  }

  std::vector<PartitionModel>& partitions() { return partitions_; }
  PartitionModel& At(const base::TopicPartition& id) {
    return partitions_.at(static_cast<size_t>(id.partition));
  }

  void Append(PartitionModel& partition, delivery::Record record, int64_t gap) {
    LogModel& log = partition.log();
    record.topic_partition = partition.id;
    record.offset = log.next + gap;
    log.next = record.offset + 1;
    log.records.push_back(std::move(record));
  }

  // Recreates the topic, with its commit or without.
  bool Truncate(PartitionModel& partition, bool forget_commit) {
    if (partition.logs.size() == kMostLogs) return false;
    LogModel log;
    log.next = kLogSpan * static_cast<int64_t>(kMostLogs - partition.logs.size());
    partition.logs.push_back(std::move(log));
    if (forget_commit) partition.commit.reset();
    return true;
  }

  // A member commits for the log that it reads.
  void Commit(const task::Position& position, size_t log) {
    PartitionModel& partition = At(position.topic_partition);
    const auto saved = delivery::DecodeFinished(position.offset, position.metadata);
    if (!saved) throw Broken("metadata can't be read: " + saved.error());
    for (const delivery::Record& record : partition.logs[log].records) {
      const int64_t offset = record.offset;
      const bool covered = offset < position.offset || Contains(*saved, offset);
      if (covered && !partition.logs[log].done.contains(offset)) {
        throw Broken(fmt::format("the commit {} of {} passes {}, which is not done",
                                 position.offset, partition.id.partition, offset));
      }
    }
    partition.commit = position;
    partition.commit_log = log;
  }

  // Whether the commit keeps the record from being delivered again.
  bool Covers(PartitionModel& partition, int64_t offset) const {
    const auto& commit = partition.commit;
    if (!commit || partition.commit_log + 1 != partition.logs.size()) return false;
    return offset < commit->offset ||
           Contains(*delivery::DecodeFinished(commit->offset, commit->metadata), offset);
  }

 private:
  static constexpr int64_t kLogSpan = 1'000;
  static constexpr size_t kMostLogs = 4;

  std::vector<PartitionModel> partitions_;
};

}  // namespace khs::testing
