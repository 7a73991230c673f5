#include "task/loop.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/log.h"
#include "task/due_time.h"
#include "task/partition_list.h"

namespace khs::task {
namespace {

using std::chrono::milliseconds;

// How long a rebalance waits for attempts in flight; the next owner repeats those that it cuts off.
constexpr milliseconds kRevokeGrace{10'000};
// For the last commit and for leaving the group, unless the stop was requested with a shorter
// grace.
constexpr milliseconds kShutdownTimeout{5'000};
// How many events one step polls before it looks at anything else.
constexpr int kMaxEventsPerStep = 8;
// How long joining the group may take before it is logged.
constexpr milliseconds kJoinReportDelay{2'000};

const base::Logger& Log() {
  static const base::Logger logger("task");
  return logger;
}

}  // namespace

Task::Loop::Loop(Task& task, RecordSource& source)
    : task_(task),
      source_(source),
      join_report_(task.clock_.Monotonic() + kJoinReportDelay),
      lag_(source, task.metrics_),
      dispatcher_(task.identity_, task.settings_.delivery, *task.endpoint_, task.clock_,
                  task.metrics_, [&source] { source.Wake(); }),
      commits_(task.identity_, source, dispatcher_, task.metrics_,
               task.clock_.Monotonic() + task.settings_.offset_flush_interval) {}

Task::Loop::~Loop() {
  task_.metrics_.AddBuffered(-reported_records_, -reported_bytes_, -reported_waiting_);
  task_.metrics_.AddAssigned(-assigned_);
}

LoopEnd Task::Loop::Run() {
  while (true) {
    const base::MonotonicTime now = task_.clock_.Monotonic();
    if (const auto stop = leaving_ ? std::nullopt : dispatcher_.stop_point()) {
      BeginLeaving({LoopEnd::Cause::kStrategy, stop->topic_partition.topic + '[' +
                                                   std::to_string(stop->topic_partition.partition) +
                                                   "]@" + std::to_string(stop->offset) + ": " +
                                                   stop->why});
    }
    if (auto before = task_.TakeNewSettings()) Reconfigure(std::move(*before));
    if (const auto request = task_.stop_request()) {
      if (!leaving_) BeginLeaving({LoopEnd::Cause::kRequested, {}});
      ShortenDeadline(*request);
    }
    if (leaving_ && CanLeave(now)) break;
    if (!leaving_) {
      ApplyPause();
      ReportState();
      ReportJoining(now);
    }
    ReportDeadLetters();
    Step();
  }
  Shutdown();
  leaving_->end.had_joined = joined_;
  return leaving_->end;
}

void Task::Loop::Reconfigure(TaskSettings before) {
  const TaskSettings& settings = task_.settings_;
  if (settings.credentials) source_.Renew(*settings.credentials);
  if (leaving_ && leaving_->end.cause == LoopEnd::Cause::kStrategy) {
    // The previous settings caused the stop; the new ones are meant to end it.
    task_.SetStatus([](TaskStatus& status) { status.overtaken = true; });
  }
  if (settings.delivery == before.delivery) return;
  // The delivery thread must be the one that releases the previous settings last: to destroy a
  // dead letter producer can take long, and this thread has to poll.
  before.delivery.reset();
  dispatcher_.Reconfigure(settings.delivery);
  commits_.CommitBy(task_.clock_.Monotonic() + settings.offset_flush_interval);
}

void Task::Loop::ApplyPause() {
  const bool paused = task_.paused();
  if (std::exchange(paused_, paused) == paused) return;
  dispatcher_.Send([paused](Lanes& lanes) { lanes.SetPaused(paused); });
  UpdateWakeOnFinish();
  Log().Info(paused ? "task paused" : "task resumed",
             {{"connector", task_.identity_.connector}, {"task", task_.identity_.id}});
}

// Not called while the loop is leaving: a stop reports its own states.
void Task::Loop::ReportState() {
  const bool rests =
      paused_ && dispatcher_.Ask([](Lanes& lanes) { return lanes.in_flight() == 0; });
  const TaskState working = joined_ ? TaskState::kRunning : TaskState::kJoining;
  const TaskState state = rests ? TaskState::kPaused : working;
  if (reported_state_ == state) return;
  reported_state_ = state;
  // Commit what was in flight last without waiting for the interval.
  if (rests) commits_.CommitBy(task_.clock_.Monotonic());
  task_.SetStatus([state](TaskStatus& status) { status.state = state; });
}

// Logs once. A rebalance waits for the group's other members, or until a crashed one's session
// times out.
void Task::Loop::ReportJoining(base::MonotonicTime now) {
  if (joined_ || !join_report_ || now < *join_report_) return;
  join_report_.reset();
  Log().Info("waiting for the consumer group to assign partitions",
             {{"connector", task_.identity_.connector}, {"task", task_.identity_.id}});
}

void Task::Loop::ReportDeadLetters() {
  std::string problem = dispatcher_.dead_letter_problem();
  if (reported_dead_letter_problem_ == problem) return;
  task_.SetStatus([&problem](TaskStatus& status) { status.dead_letter_problem = problem; });
  reported_dead_letter_problem_ = std::move(problem);
}

void Task::Loop::UpdateWakeOnFinish() {
  dispatcher_.WakePollerOnFinish(leaving_.has_value() || revoking_.has_value() || paused_);
}

void Task::Loop::Step() {
  // The first poll waits, the others take what has arrived meanwhile.
  for (int i = 0; i < kMaxEventsPerStep; ++i) {
    const base::MonotonicTime now = task_.clock_.Monotonic();
    const size_t wanted = leaving_ || paused_ ? 0 : dispatcher_.WantedBytes();
    const Milliseconds timeout = i == 0 ? Timeout(now) : Milliseconds(0);
    SourceEvent event = source_.Poll(timeout, wanted);
    const bool nothing = std::holds_alternative<Nothing>(event);
    Handle(std::move(event));
    if (nothing || revoking_ || leaving_) break;
    ApplyFlowChanges();
  }
  const base::MonotonicTime now = task_.clock_.Monotonic();
  FinishRevoke(now);
  ApplyFlowChanges();
  commits_.CommitIfDue(now, task_.settings_.offset_flush_interval);
  ReportGauges();
  ReportLag(now);
}

// How long a poll may wait: until the next deadline. Everything else wakes it.
Task::Loop::Milliseconds Task::Loop::Timeout(base::MonotonicTime now) {
  base::MonotonicTime until = now + std::chrono::seconds(1);
  until = std::min(until, std::max(commits_.due(), now));
  if (revoking_) until = std::min(until, revoking_->deadline);
  if (leaving_ && leaving_->deadline) until = std::min(until, *leaving_->deadline);
  // Rounded up, because a timeout of 0 would spin.
  return std::max(Milliseconds(0), std::chrono::ceil<Milliseconds>(until - now));
}

void Task::Loop::Handle(SourceEvent event) {
  std::visit([this](auto& alternative) { On(std::move(alternative)); }, event);
}

void Task::Loop::On(Records records) {
  if (leaving_) return;  // they are not committed: the next owner reads them
  const base::Now now = task_.clock_.Read();
  for (const delivery::Record& record : records) {
    task_.metrics_.Consumed(record.topic_partition.topic, record.Bytes());
    WarnOfFutureTimestamp(record, now.wall);
  }
  dispatcher_.Add(std::move(records), now, [this](const Position& position) {
    Log().Warn("partition offsets went back, continuing from the new offset",
               {{"connector", task_.identity_.connector},
                {"task", task_.identity_.id},
                {"topic", position.topic_partition.topic},
                {"partition", position.topic_partition.partition},
                {"offset", position.offset}});
  });
}

// The delay of such a record counts from its reading.
void Task::Loop::WarnOfFutureTimestamp(const delivery::Record& record, base::WallTime now) {
  const Milliseconds delay = task_.settings_.delivery->policy.request_delay;
  if (delay.count() == 0) return;
  const Milliseconds ahead = TimestampAhead(record, now);
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

void Task::Loop::On(Assigned assigned) {
  OnBrokersReachable();
  for (const base::TopicPartition& partition : assigned.partitions) {
    future_timestamps_.erase(partition);
    assignment_.insert(partition);
    blocked_.erase(partition);
  }
  dispatcher_.Send([partitions = assigned.partitions](Lanes& lanes) { lanes.Assign(partitions); });
  for (const base::TopicPartition& partition : assigned.partitions) {
    const auto position = std::find_if(
        assigned.committed.begin(), assigned.committed.end(),
        [&partition](const Position& each) { return each.topic_partition == partition; });
    if (position != assigned.committed.end()) {
      Restore(*position);
    } else {
      dispatcher_.Send([partition](Lanes& lanes) { lanes.Restore(partition, std::nullopt, {}); });
    }
  }
  for (const Loss& loss : assigned.losses) SkipLost(loss);
  dispatcher_.Send([begins = assigned.begins](Lanes& lanes) {
    for (const Position& begin : begins) lanes.BeginAt(begin);
  });
  if (!assigned.begins.empty()) commits_.CommitBy(task_.clock_.Monotonic());
  task_.metrics_.Rebalanced();
  task_.metrics_.AddAssigned(static_cast<long>(assigned.partitions.size()));
  assigned_ += static_cast<long>(assigned.partitions.size());
  for (const base::TopicPartition& partition : assigned.partitions) {
    task_.metrics_.AddTopic(partition.topic);
  }
  if (leaving_) source_.Pause(assigned.partitions);
  Log().Info("partitions assigned", {{"connector", task_.identity_.connector},
                                     {"task", task_.identity_.id},
                                     {"partitions", ListPartitions(assigned.partitions)}});
  joined_ = true;
}

void Task::Loop::On(Moved moved) {
  for (const Loss& loss : moved.losses) SkipLost(loss);
  dispatcher_.Send([begins = std::move(moved.begins)](Lanes& lanes) {
    for (const Position& begin : begins) lanes.BeginAt(begin);
  });
  commits_.CommitBy(task_.clock_.Monotonic());
}

void Task::Loop::SkipLost(const Loss& found) {
  dispatcher_.Send([this, found](Lanes& lanes) { ReportLoss(lanes.SkipLost(found)); });
}

// On the delivery thread.
void Task::Loop::ReportLoss(Loss loss) const {
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

// Reads from the commit's metadata what is finished beyond its offset. If that is invalid, those
// records are repeated.
void Task::Loop::Restore(const Position& position) {
  auto finished = delivery::DecodeFinished(position.offset, position.metadata);
  if (!finished) {
    Log().Warn("commit metadata invalid, ignored",
               {{"connector", task_.identity_.connector},
                {"task", task_.identity_.id},
                {"topic", position.topic_partition.topic},
                {"partition", position.topic_partition.partition},
                {"offset", position.offset},
                {"error", finished.error()}});
    finished.emplace();
  }
  dispatcher_.Send([partition = position.topic_partition, offset = position.offset,
                    finished = std::move(*finished)](Lanes& lanes) {
    lanes.Restore(partition, offset, finished);
  });
}

void Task::Loop::On(Revoked revoked) {
  lag_.ReportSoon();
  task_.metrics_.Rebalanced();
  task_.metrics_.AddAssigned(-static_cast<long>(revoked.partitions.size()));
  assigned_ -= static_cast<long>(revoked.partitions.size());
  Log().Info(revoked.lost ? "partitions lost" : "partitions revoked",
             {{"connector", task_.identity_.connector},
              {"task", task_.identity_.id},
              {"partitions", ListPartitions(revoked.partitions)}});
  if (revoked.lost) {
    Fence(revoked.partitions);
    source_.CompleteRevoke();
    return;
  }
  dispatcher_.Send(
      [partitions = revoked.partitions](Lanes& lanes) { lanes.BeginRevoke(partitions); });
  revoking_ = Revoking{std::move(revoked.partitions), task_.clock_.Monotonic() + kRevokeGrace};
  UpdateWakeOnFinish();
}

// Jobs of the partitions that are in flight come back without effect.
void Task::Loop::Fence(const Partitions& partitions) {
  for (const base::TopicPartition& partition : partitions) {
    assignment_.erase(partition);
    blocked_.erase(partition);
  }
  dispatcher_.Send([partitions](Lanes& lanes) { lanes.Fence(partitions); });
}

void Task::Loop::FinishRevoke(base::MonotonicTime now) {
  if (!revoking_) return;
  const size_t in_flight =
      dispatcher_.Ask([&](Lanes& lanes) { return lanes.InFlight(revoking_->partitions); });
  if (in_flight > 0 && now < revoking_->deadline) return;
  // Commit before another member may own the partitions.
  commits_.CommitAll(leaving_ ? leaving_->timeout : kShutdownTimeout);
  Fence(revoking_->partitions);
  source_.CompleteRevoke();
  revoking_.reset();
  UpdateWakeOnFinish();
}

void Task::Loop::On(Committed committed) {
  if (commits_.OnCommitDone(std::move(committed))) OnBrokersReachable();
}

void Task::Loop::On(SourceError error) {
  const bool obsolete = error.error_class == ErrorClass::kObsolete;
  const bool fatal = obsolete || error.error_class == ErrorClass::kFatal;
  task_.metrics_.KafkaError(error.code, fatal);
  if (fatal) {
    // The partitions belong to nobody, or to another member: librdkafka reports nothing more about
    // them and accepts no commit.
    Fence(Partitions(assignment_.begin(), assignment_.end()));
    const auto cause = obsolete ? LoopEnd::Cause::kSourceObsolete : LoopEnd::Cause::kSourceFault;
    if (!leaving_) BeginLeaving({cause, error.text});
    return;
  }
  if (error.error_class == ErrorClass::kNoOffset) {
    if (!leaving_) BeginLeaving({LoopEnd::Cause::kStrategy, error.text});
    return;
  }
  if (error.error_class == ErrorClass::kTransient) {
    Log().Warn("Kafka client error", {{"connector", task_.identity_.connector},
                                      {"task", task_.identity_.id},
                                      {"code", error.code},
                                      {"error", error.text}});
    return;
  }
  // The client repeats this at every attempt to connect. It is logged once until it changes.
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

void Task::Loop::OnBrokersReachable() {
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

void Task::Loop::ApplyFlowChanges() {
  const auto published = dispatcher_.TakePausedPartitions();
  if (!published || leaving_) return;  // when leaving, all partitions are paused
  const std::set<base::TopicPartition> blocked(published->begin(), published->end());
  Partitions pause;
  Partitions resume;
  for (const base::TopicPartition& partition : assignment_) {
    const bool was_blocked = blocked_.contains(partition);
    if (blocked.contains(partition) == was_blocked) continue;
    (was_blocked ? resume : pause).push_back(partition);
  }
  for (const base::TopicPartition& partition : pause) blocked_.insert(partition);
  for (const base::TopicPartition& partition : resume) blocked_.erase(partition);
  if (!pause.empty()) source_.Pause(pause);
  if (!resume.empty()) source_.Resume(resume);
}

void Task::Loop::BeginLeaving(LoopEnd end) {
  leaving_ = Leaving{std::move(end), std::nullopt, kShutdownTimeout};
  dispatcher_.Send([](Lanes& lanes) { lanes.StopTaking(); });
  UpdateWakeOnFinish();
  if (!assignment_.empty()) source_.Pause({assignment_.begin(), assignment_.end()});
  if (leaving_->end.cause != LoopEnd::Cause::kStrategy) return;
  // Reported at once, so that the connector's other tasks stop before they are assigned the record.
  task_.SetStatus([this](TaskStatus& status) {
    status.state = TaskState::kStopping;
    status.by_strategy = true;
    status.trace = leaving_->end.trace;
  });
}

// Attempts in flight get three quarters of the grace, the commit and leaving the group the rest.
void Task::Loop::ShortenDeadline(const StopRequest& request) {
  const base::MonotonicTime deadline = request.deadline - request.grace / 4;
  leaving_->deadline = leaving_->deadline ? std::min(*leaving_->deadline, deadline) : deadline;
  leaving_->timeout =
      std::min(leaving_->timeout, std::max<Milliseconds>(request.grace / 8, Milliseconds(200)));
}

bool Task::Loop::CanLeave(base::MonotonicTime now) {
  const size_t in_flight = dispatcher_.Ask([](Lanes& lanes) { return lanes.in_flight(); });
  if (in_flight == 0) return true;
  if (leaving_->deadline && now >= *leaving_->deadline) {
    Log().Warn("requests in flight aborted, their records will be repeated",
               {{"connector", task_.identity_.connector},
                {"task", task_.identity_.id},
                {"requests", in_flight}});
    task_.SetStatus([](TaskStatus& status) { status.cut_off = true; });
    return true;
  }
  return false;
}

void Task::Loop::Shutdown() {
  // The commit may use the time that the attempts in flight did not need.
  Milliseconds bound = leaving_->timeout;
  if (leaving_->deadline) {
    bound = std::max(
        bound, std::chrono::floor<Milliseconds>(*leaving_->deadline - task_.clock_.Monotonic()));
  }
  if (!commits_.CommitAll(bound))
    task_.SetStatus([](TaskStatus& status) { status.cut_off = true; });
  Fence(Partitions(assignment_.begin(), assignment_.end()));
  source_.Leave(leaving_->timeout);
  // After a fault the next consumer uses the same endpoint, unless a stop was requested.
  const LoopEnd::Cause cause = leaving_->end.cause;
  const bool goes_on =
      cause == LoopEnd::Cause::kSourceFault || cause == LoopEnd::Cause::kSourceObsolete;
  const bool last = !goes_on || task_.stop_request();
  if (last) task_.endpoint_->Abort();
}

void Task::Loop::ReportGauges() {
  const auto [records, bytes, waiting] = dispatcher_.held();
  task_.metrics_.AddBuffered(records - reported_records_, bytes - reported_bytes_,
                             waiting - reported_waiting_);
  reported_records_ = records;
  reported_bytes_ = bytes;
  reported_waiting_ = waiting;
}

// The next owner reports the lag of partitions that are being revoked.
void Task::Loop::ReportLag(base::MonotonicTime now) {
  if (!lag_.IsDue(now)) return;
  auto committed = dispatcher_.Ask([](Lanes& lanes) { return lanes.CommittedOffsets(); });
  if (revoking_) {
    for (const base::TopicPartition& partition : revoking_->partitions) committed.erase(partition);
  }
  lag_.Report(committed, now);
}

}  // namespace khs::task
