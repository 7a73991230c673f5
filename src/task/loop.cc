#include "task/loop.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/log.h"

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

const base::Logger& Log() {
  static const base::Logger logger("task");
  return logger;
}

}  // namespace

Task::Loop::Loop(Task& task, RecordSource& source)
    : task_(task),
      source_(source),
      report_(task, source),
      dispatcher_(task.identity_, task.settings_.delivery, *task.endpoint_, task.clock_,
                  task.metrics_, [&source] { source.Wake(); }),
      commits_(task.identity_, source, dispatcher_, task.metrics_,
               task.clock_.Monotonic() + task.settings_.offset_flush_interval) {}

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
      ReportState(now);
    }
    report_.DeadLetterProblem(dispatcher_.dead_letter_problem());
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
  dispatcher_.Send(
      [paused, now = task_.clock_.Monotonic()](Lanes& lanes) { lanes.SetPaused(paused, now); });
  UpdateWakeOnFinish();
  report_.Paused(paused);
}

// Not called while the loop is leaving: a stop reports its own states.
void Task::Loop::ReportState(base::MonotonicTime now) {
  const bool rests =
      paused_ && dispatcher_.Ask([](Lanes& lanes) { return lanes.in_flight() == 0; });
  // Commit what was in flight last without waiting for the interval.
  const bool rested = std::exchange(rests_, rests);
  if (rests && !rested) commits_.CommitBy(now);
  const TaskState working = joined_ ? TaskState::kRunning : TaskState::kJoining;
  report_.State(rests ? TaskState::kPaused : working);
  if (!joined_) report_.Joining(now);
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
  report_.Held(dispatcher_.held());
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
  report_.Received(records, now);
  dispatcher_.Add(std::move(records), now,
                  [this](const Position& position) { report_.WentBack(position); });
}

void Task::Loop::On(Assigned assigned) {
  report_.BrokersReachable();
  for (const base::TopicPartition& partition : assigned.partitions) {
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
  report_.Assigned(assigned.partitions);
  if (leaving_) source_.Pause(assigned.partitions);
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
  dispatcher_.Send([this, found](Lanes& lanes) { report_.Lost(lanes.SkipLost(found)); });
}

// Reads from the commit's metadata what is finished beyond its offset. If that is invalid, those
// records are repeated.
void Task::Loop::Restore(const Position& position) {
  auto finished = delivery::DecodeFinished(position.offset, position.metadata);
  if (!finished) {
    report_.InvalidMetadata(position, finished.error());
    finished.emplace();
  }
  dispatcher_.Send([partition = position.topic_partition, offset = position.offset,
                    finished = std::move(*finished)](Lanes& lanes) {
    lanes.Restore(partition, offset, finished);
  });
}

void Task::Loop::On(Revoked revoked) {
  report_.Revoked(revoked.partitions, revoked.lost);
  if (revoked.lost) {
    Fence(revoked.partitions);
    source_.CompleteRevoke();
    if (revoking_) ForgetRevoking(revoked.partitions);
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

void Task::Loop::ForgetRevoking(const Partitions& lost) {
  std::erase_if(revoking_->partitions, [&lost](const base::TopicPartition& partition) {
    return std::find(lost.begin(), lost.end(), partition) != lost.end();
  });
  if (!revoking_->partitions.empty()) return;
  revoking_.reset();
  UpdateWakeOnFinish();
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
  if (commits_.OnCommitDone(std::move(committed))) report_.BrokersReachable();
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
  report_.BrokerProblem(error);
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
    report_.AbortedRequests(in_flight);
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
  report_.Left();
  // After a fault the next consumer uses the same endpoint, unless a stop was requested.
  const LoopEnd::Cause cause = leaving_->end.cause;
  const bool goes_on =
      cause == LoopEnd::Cause::kSourceFault || cause == LoopEnd::Cause::kSourceObsolete;
  const bool last = !goes_on || task_.stop_request();
  if (last) task_.endpoint_->Abort();
}

// The next owner reports the lag of partitions that are being revoked.
void Task::Loop::ReportLag(base::MonotonicTime now) {
  if (!report_.lag().IsDue(now)) return;
  auto committed = dispatcher_.Ask([](Lanes& lanes) { return lanes.CommittedOffsets(); });
  if (revoking_) {
    for (const base::TopicPartition& partition : revoking_->partitions) committed.erase(partition);
  }
  report_.lag().Report(committed, now);
}

}  // namespace khs::task
