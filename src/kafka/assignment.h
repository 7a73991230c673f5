#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/topic_partition.h"
#include "kafka/handles.h"
#include "kafka/record_queues.h"
#include "kafka/redactor.h"
#include "task/record_source.h"

namespace khs::kafka {

// The partitions that the group assigned to a client, with the next offset to be read of each. It
// makes every assign and unassign call, in the group's protocol: eager (always all partitions) or
// cooperative (only those that change). Each such call waits for librdkafka's main thread, so none
// may be made once the client is being closed (see workarounds/rebalance_monitor.h). The task's
// poll thread alone; owned by Consumer::Client.
//
// Example: the group has committed offset 40 of orders[2]. Time goes down; Consumer::Client
// connects the columns.
//
//   librdkafka            Consumer, Assignment              task
//   ──────────            ────────────────────              ────
//   assign event ───────► reads: committed 40, log 0 to 50
//                ◄─────── Add: assign call with offset 40
//                         Assigned ───────────────────────► creates lanes for the partition
//   records 40 to 49 ───► Records, Advance to 50 ─────────► sends requests
//                         Commit ◄───────────────────────── 40 to 44 are finished: commits 45
//   revoke event ───────► Revoked ────────────────────────► sends nothing new
//                                                           waits for 45 and 46, in flight
//                         CommitAndWait ◄────────────────── commits 47
//                         CompleteRevoke ◄───────────────── fences the partition,
//                                                           discards 47 to 49 unsent
//                ◄─────── Remove: unassign call
//                                                           the next owner delivers from 47 on
//
// Another member may own a lost partition already: the session timed out, or the group went on
// without this member. So the task waits for no request and commits nothing:
//
//   revoke event ───────► Revoked{lost} ──────────────────► fences the partition,
//                                                           cancels 45 and 46,
//                                                           discards 47 to 49 unsent
//                         CompleteRevoke ◄─────────────────
//                ◄─────── Remove: unassign call
//                                                           the next owner delivers from 45 on
class Assignment {
 public:
  // Everything that is passed by pointer or reference outlives it.
  Assignment(rd_kafka_t* handle, RecordQueues& records, const Redactor& redactor)
      : handle_(handle), records_(records), redactor_(redactor) {}
  Assignment(const Assignment&) = delete;
  Assignment& operator=(const Assignment&) = delete;

  // False also when librdkafka names no protocol, before the first join.
  bool cooperative() const;
  bool empty() const { return positions_.empty(); }
  bool contains(const base::TopicPartition& partition) const {
    return positions_.contains(partition);
  }
  // The next offset to be read of an assigned partition; negative while it is not known.
  int64_t position(const base::TopicPartition& partition) const { return positions_.at(partition); }
  task::Partitions partitions() const;

  // Answers an assign event. A partition without a start is not read yet.
  std::optional<task::SourceError> Add(const task::Partitions& partitions,
                                       const task::Positions& starts);
  // Answers an assign event with an empty assignment.
  void AssignNothing();
  // Unassigns all partitions of an eager member, without an event that asks for it. Between an
  // assign event and its answer that changes nothing of the answer.
  void RemoveAll();
  // Answers a revoke event, which may also name partitions that are not assigned. Returns
  // librdkafka's error text, empty when there is none.
  std::string Remove(const task::Partitions& partitions);
  // Erases partitions that librdkafka has unassigned already.
  void Forget(const task::Partitions& partitions);
  // Reads assigned partitions from other offsets. Must not be called between a revoke event and its
  // answer, because librdkafka would take the call for the answer.
  std::optional<task::SourceError> Move(const task::Positions& offsets);

  // Sets the positions behind records that were read.
  void Advance(const task::Records& records);

 private:
  std::optional<task::SourceError> AssignError(const std::string& text) const;

  rd_kafka_t* const handle_;
  RecordQueues& records_;
  const Redactor& redactor_;
  std::map<base::TopicPartition, int64_t> positions_;
};

}  // namespace khs::kafka
