#pragma once

#include <optional>
#include <set>
#include <string>

#include "task/lag_report.h"
#include "task/task.h"

namespace khs::task {

// Tells what a poll loop does: in the log, in the connector's metrics and in the task's status.
// Owned by the loop and used by the poll thread only, but for Lost.
class Task::Report {
 public:
  Report(Task& task, const RecordSource& source);
  // Takes back what it has added to gauges.
  ~Report();
  Report(const Report&) = delete;
  Report& operator=(const Report&) = delete;

  void State(TaskState state);
  // Logs once that joining takes long.
  void Joining(base::MonotonicTime now);
  void Paused(bool paused) const;
  void Assigned(const Partitions& partitions);
  void Revoked(const Partitions& partitions, bool lost);
  // The task has left the group with the partitions that were not revoked before.
  void Left();
  void Received(const Records& records, const base::Now& now);
  void WentBack(const Position& position) const;
  void InvalidMetadata(const Position& position, const std::string& error) const;
  // On the delivery thread.
  void Lost(Loss loss) const;
  void DeadLetterProblem(std::string problem);
  // A problem is logged once until it changes: the client repeats it at every attempt to connect.
  void BrokerProblem(const SourceError& error) const;
  void BrokersReachable() const;
  void AbortedRequests(size_t requests) const;
  void Held(const Dispatcher::Held& held);
  LagReport& lag() { return lag_; }

 private:
  // Sets the gauge to what is assigned now, `before` partitions were.
  void CountAssigned(size_t before) const;
  void WarnOfFutureTimestamp(const delivery::Record& record, base::WallTime now);

  Task& task_;
  std::optional<base::MonotonicTime> join_report_;  // when to log that the join takes long
  std::optional<TaskState> state_;
  std::optional<std::string> dead_letter_problem_;
  Dispatcher::Held held_;
  std::set<base::TopicPartition> assigned_;
  // Partitions for which a timestamp in the future was logged since they were assigned.
  std::set<base::TopicPartition> future_timestamps_;
  LagReport lag_;
};

}  // namespace khs::task
