#include "task/report.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "task/due_time.h"
#include "task/partition_list.h"

namespace khs::task {
namespace {

using std::chrono::milliseconds;

// How long joining the group may take before it is logged.
constexpr milliseconds kJoinReportDelay{2'000};

const base::Logger& Log() {
  static const base::Logger logger("task");
  return logger;
}

}  // namespace

Task::Report::Report(Task& task, const RecordSource& source)
    : task_(task),
      join_report_(task.clock_.Monotonic() + kJoinReportDelay),
      lag_(source, task.metrics_) {}

Task::Report::~Report() {
  Held({});
  const size_t before = assigned_.size();
  assigned_.clear();
  CountAssigned(before);
}

void Task::Report::State(TaskState state) {
  if (std::exchange(state_, state) == state) return;
  task_.SetStatus([state](TaskStatus& status) { status.state = state; });
}

// A rebalance waits for the group's other members, or until a crashed one's session times out.
void Task::Report::Joining(base::MonotonicTime now) {
  if (!join_report_ || now < *join_report_) return;
  join_report_.reset();
  Log().Info("waiting for the consumer group to assign partitions",
             {{"connector", task_.identity_.connector}, {"task", task_.identity_.id}});
}

void Task::Report::Paused(bool paused) const {
  Log().Info(paused ? "task paused" : "task resumed",
             {{"connector", task_.identity_.connector}, {"task", task_.identity_.id}});
}

void Task::Report::Assigned(const Partitions& partitions) {
  join_report_.reset();
  task_.metrics_.Rebalanced();
  const size_t before = assigned_.size();
  assigned_.insert(partitions.begin(), partitions.end());
  CountAssigned(before);
  for (const base::TopicPartition& partition : partitions) {
    future_timestamps_.erase(partition);
    task_.metrics_.AddTopic(partition.topic);
  }
  Log().Info("partitions assigned", {{"connector", task_.identity_.connector},
                                     {"task", task_.identity_.id},
                                     {"partitions", ListPartitions(partitions)}});
}

void Task::Report::Revoked(const Partitions& partitions, bool lost) {
  lag_.ReportSoon();
  task_.metrics_.Rebalanced();
  // Partitions that are being revoked can be lost before that ends.
  const size_t before = assigned_.size();
  for (const base::TopicPartition& partition : partitions) assigned_.erase(partition);
  CountAssigned(before);
  Log().Info(lost ? "partitions lost" : "partitions revoked",
             {{"connector", task_.identity_.connector},
              {"task", task_.identity_.id},
              {"partitions", ListPartitions(partitions)}});
}

void Task::Report::Left() {
  if (assigned_.empty()) return;
  Log().Info("left the consumer group",
             {{"connector", task_.identity_.connector},
              {"task", task_.identity_.id},
              {"partitions", ListPartitions({assigned_.begin(), assigned_.end()})}});
}

void Task::Report::CountAssigned(size_t before) const {
  task_.metrics_.AddAssigned(static_cast<long>(assigned_.size()) - static_cast<long>(before));
}

void Task::Report::Received(const Records& records, const base::Now& now) {
  for (const delivery::Record& record : records) {
    task_.metrics_.Consumed(record.topic_partition.topic, record.Bytes());
    WarnOfFutureTimestamp(record, now.wall);
  }
}

// The delay of such a record counts from its reading.
void Task::Report::WarnOfFutureTimestamp(const delivery::Record& record, base::WallTime now) {
  const milliseconds delay = task_.settings_.delivery->policy.request_delay;
  if (delay.count() == 0) return;
  const milliseconds ahead = TimestampAhead(record, now);
  if (ahead.count() == 0 || !future_timestamps_.insert(record.topic_partition).second) return;
  Log().Warn("record timestamp is in the future, the delay counts from reading",
             {{"connector", task_.identity_.connector},
              {"task", task_.identity_.id},
              {"topic", record.topic_partition.topic},
              {"partition", record.topic_partition.partition},
              {"offset", record.offset},
              {"timestamp_ms", record.timestamp->count()},
              {"ahead_ms", ahead.count()},
              {"delay_ms", delay.count()}});
}

void Task::Report::WentBack(const Position& position) const {
  Log().Warn("partition offsets went back, continuing from the new offset",
             {{"connector", task_.identity_.connector},
              {"task", task_.identity_.id},
              {"topic", position.topic_partition.topic},
              {"partition", position.topic_partition.partition},
              {"offset", position.offset}});
}

void Task::Report::InvalidMetadata(const Position& position, const std::string& error) const {
  Log().Warn("commit metadata invalid, ignored", {{"connector", task_.identity_.connector},
                                                  {"task", task_.identity_.id},
                                                  {"topic", position.topic_partition.topic},
                                                  {"partition", position.topic_partition.partition},
                                                  {"offset", position.offset},
                                                  {"error", error}});
}

void Task::Report::Lost(Loss loss) const {
  // It is not known how many of the old topic's records were left. Count at least one, so that an
  // alert fires.
  if (loss.reason == delivery::LossReason::kRecreated) {
    loss.records = std::max<int64_t>(loss.records, 1);
  }
  if (loss.records == 0) return;  // all of them were delivered
  task_.metrics_.Lost(loss.topic_partition.topic, loss.reason, loss.records);
  Log().LogEach(base::LogLevel::kWarn, "records lost",
                {{"connector", task_.identity_.connector},
                 {"task", task_.identity_.id},
                 {"topic", loss.topic_partition.topic},
                 {"partition", loss.topic_partition.partition},
                 {"from", loss.from},
                 {"to", loss.to},
                 {"records", loss.records},
                 {"reason", delivery::Label(loss.reason)}});
}

void Task::Report::DeadLetterProblem(std::string problem) {
  if (dead_letter_problem_ == problem) return;
  task_.SetStatus([&problem](TaskStatus& status) { status.dead_letter_problem = problem; });
  dead_letter_problem_ = std::move(problem);
}

void Task::Report::BrokerProblem(const SourceError& error) const {
  const bool authentication = error.error_class == ErrorClass::kAuthentication;
  bool changed = false;
  task_.SetStatus([&](TaskStatus& status) {
    const bool known_authentication = status.broker_problem.starts_with("authentication");
    if (!status.broker_problem.empty() && (known_authentication || !authentication)) return;
    status.broker_problem =
        (authentication ? "authentication failed: " : "no broker answers: ") + error.text;
    changed = true;
  });
  if (!changed) return;
  Log().Error(authentication ? "authentication to the broker failed, will retry"
                             : "no broker reachable, will retry",
              {{"connector", task_.identity_.connector},
               {"task", task_.identity_.id},
               {"code", error.code},
               {"error", error.text}});
}

void Task::Report::BrokersReachable() const {
  bool changed = false;
  task_.SetStatus([&](TaskStatus& status) {
    changed = !status.broker_problem.empty();
    status.broker_problem.clear();
  });
  if (changed) {
    Log().Info("brokers reachable again",
               {{"connector", task_.identity_.connector}, {"task", task_.identity_.id}});
  }
}

void Task::Report::AbortedRequests(size_t requests) const {
  Log().Warn("requests in flight aborted, their records will be repeated",
             {{"connector", task_.identity_.connector},
              {"task", task_.identity_.id},
              {"requests", requests}});
  task_.SetStatus([](TaskStatus& status) { status.cut_off = true; });
}

void Task::Report::Held(const Dispatcher::Held& held) {
  task_.metrics_.AddBuffered(held.records - held_.records, held.bytes - held_.bytes,
                             held.waiting_retry - held_.waiting_retry);
  held_ = held;
}

}  // namespace khs::task
