#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/topic_partition.h"
#include "kafka/handles.h"
#include "kafka/record_queues.h"
#include "task/record_source.h"

namespace khs::kafka {

// The partitions that the group gave to a client, and the next offset to be read of each. It alone
// tells librdkafka what to read, by the protocol of the group: eager (always all partitions) or
// cooperative (only those that change). Owned by Consumer::Client; its poll thread alone. What
// returns a string returns what librdkafka says of a failure, empty when there was none.
class Assignment {
 public:
  // Both outlive it.
  Assignment(rd_kafka_t* handle, RecordQueues& records) : handle_(handle), records_(records) {}
  Assignment(const Assignment&) = delete;
  Assignment& operator=(const Assignment&) = delete;

  bool cooperative() const {
    return std::string_view(rd_kafka_rebalance_protocol(handle_)) == "COOPERATIVE";
  }
  bool empty() const { return positions_.empty(); }
  bool contains(const base::TopicPartition& partition) const {
    return positions_.contains(partition);
  }
  // The next offset to be read; below 0 while that is not known. Of one that is assigned.
  int64_t position(const base::TopicPartition& partition) const { return positions_.at(partition); }
  task::Partitions partitions() const;

  // Answers an assignment by the group: reads `partitions` from `starts`, and does not yet read
  // those of which there is none.
  std::string Add(const task::Partitions& partitions, const task::Positions& starts);
  // Answers it with nothing at all.
  void Decline();
  // Answers a revocation by the group.
  std::string Remove(const task::Partitions& partitions);
  // They are no longer assigned, which librdkafka knows.
  void Forget(const task::Partitions& partitions);
  // Reads assigned partitions from elsewhere. Never between a revocation and its answer, for which
  // it would be taken.
  std::string Move(const task::Positions& offsets);

  // These were read.
  void Advance(const task::Records& records);
  // librdkafka 2.1 and later takes an error for a record: its own position lies behind it then, and
  // after a pause it would go on there. (A transaction's marker moves it, too, which does no harm.)
  bool HasPassed(const base::TopicPartition& partition) const;

 private:
  rd_kafka_t* const handle_;
  RecordQueues& records_;
  std::map<base::TopicPartition, int64_t> positions_;
};

}  // namespace khs::kafka
