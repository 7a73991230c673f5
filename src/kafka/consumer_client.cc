#include "kafka/consumer_client.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "kafka/client_log.h"
#include "kafka/configuration.h"
#include "kafka/consumer_properties.h"
#include "kafka/conversions.h"
#include "kafka/group_offsets.h"
#include "kafka/workarounds/fatal_error.h"

namespace khs::kafka {

using base::LogLevel;
using std::chrono::milliseconds;

Consumer::Client::Client(const Subscription& subscription, const Properties& properties,
                         LogEndOffsets::Watch* log_end_offsets,
                         std::shared_ptr<GroupHistory> history)
    : log_end_offsets_(log_end_offsets),
      properties_(properties),
      monitor_(subscription.owner, properties) {
  const Properties all = ConsumerProperties(subscription, properties);
  const ResetPolicy policy = ResetPolicyOf(all);
  const auto strategy = all.find("partition.assignment.strategy");
  may_be_cooperative_ =
      strategy != all.end() && strategy->second.Reveal().find("cooperative") != std::string::npos;
  ConfHandle conf = MakeConfiguration(all);
  monitor_.Install(conf.get());
  rd_kafka_conf_set_events(conf.get(), RD_KAFKA_EVENT_FETCH | RD_KAFKA_EVENT_ERROR |
                                           RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_OFFSET_COMMIT);
  handle_ = NewClient(RD_KAFKA_CONSUMER, std::move(conf), monitor_.log_context().redactor);
  StartTokensOrDestroy(all);
  rd_kafka_poll_set_consumer(handle_);
  queue_.reset(rd_kafka_queue_get_consumer(handle_));
  records_.emplace(handle_, queue_.get(), subscription.prefetch_bytes);
  fetch_nudge_.emplace(handle_, subscription.prefetch_bytes / kRecordQueues);
  assignment_.emplace(handle_, *records_, monitor_.log_context().redactor);
  const auto group_commits = [this, group = subscription.group](milliseconds timeout) {
    return GroupOffsets(properties_, owner().connector).Commits(group, timeout);
  };
  resolver_.emplace(StartResolver::Questions::OfClient(handle_, group_commits), subscription,
                    policy, history);
  committer_.emplace(
      handle_, queue_.get(), monitor_, std::move(history), log_end_offsets_,
      [this](task::Positions positions) { return resolver_->AddGroupStart(std::move(positions)); },
      [this] { return IsLost(); });
  recovery_.emplace(handle_, *assignment_, *resolver_, *committer_, monitor_, recreated_);
  Subscribe(subscription);
}

Consumer::Client::~Client() {
  assigning_.reset();
  revoking_.reset();
  CloseQueues();
  Destroy();
}

void Consumer::Client::StartTokensOrDestroy(const Properties& properties) {
  try {
    StartTokens(handle_, properties);
  } catch (const std::exception&) {
    Destroy();
    throw;
  }
}

void Consumer::Client::Destroy() {
  StopTokens(handle_);
  rd_kafka_destroy_flags(handle_, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

void Consumer::Client::CloseQueues() {
  records_.reset();
  queue_.reset();
}

void Consumer::Client::Subscribe(const Subscription& subscription) {
  task::Partitions names;
  for (const std::string& topic : subscription.topics) names.push_back({topic, -1});
  // librdkafka takes a name that starts with ^ for a regular expression, and searches it in names.
  if (names.empty()) names.push_back({"^(" + subscription.topics_regex + ")$", -1});
  const rd_kafka_resp_err_t failed = rd_kafka_subscribe(handle_, ToList(names).get());
  if (failed != RD_KAFKA_RESP_ERR_NO_ERROR) {
    CloseQueues();
    Destroy();
    throw std::runtime_error(std::string("cannot subscribe: ") + rd_kafka_err2str(failed));
  }
}

void Consumer::Client::WriteLog(LogLevel level, std::string_view message,
                                const std::optional<std::string_view>& error) const {
  std::optional<std::string> redacted;
  if (error) redacted = Redacted(*error);
  Log().Log(level, message,
            {{"connector", owner().connector}, {"task", owner().task}, {"error", redacted}});
}

task::SourceEvent Consumer::Client::Convert(EventHandle event) {
  switch (rd_kafka_event_type(event.get())) {
    case RD_KAFKA_EVENT_FETCH:
      OnStrayRecords(event.get());
      return task::Nothing{};
    case RD_KAFKA_EVENT_REBALANCE:
      return ConvertRebalance(std::move(event));
    case RD_KAFKA_EVENT_OFFSET_COMMIT:
      return committer_->OnCommitted(event.get());
    case RD_KAFKA_EVENT_ERROR:
      OnClientError(handle_, rd_kafka_event_error(event.get()));
      return ConvertError(rd_kafka_event_error(event.get()),
                          rd_kafka_event_error_string(event.get()));
    default:
      return task::Nothing{};
  }
}

task::SourceEvent Consumer::Client::ConvertError(rd_kafka_resp_err_t code, const char* text) {
  task::SourceError error{Classify(code), rd_kafka_err2name(code),
                          Redacted(text != nullptr ? text : "")};
  const auto fatal =
      code == RD_KAFKA_RESP_ERR__FATAL ? FindFatalError(handle_) : std::optional<FatalError>();
  if (fatal) {
    error.code = fatal->code;
    error.text = Redacted(fatal->text);
  }
  return error;
}

task::SourceEvent Consumer::Client::ConvertRebalance(EventHandle event) {
  if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    return ConvertRevoke(std::move(event));
  }
  was_assigned_ = true;
  assigning_ = std::move(event);
  join_count_ = monitor_.join_count();
  if (leaving_) return task::Nothing{};
  // An eager member gets all its partitions anew, but no event has revoked the previous ones.
  if (!assignment_->cooperative() && !assignment_->empty()) return ReportLost();
  return FinishAssignment();
}

task::SourceEvent Consumer::Client::ConvertRevoke(EventHandle event) {
  // The task commits again before it completes the revocation, or must not commit any more.
  committer_->CancelPending();
  task::Revoked revoked{ToPartitions(rd_kafka_event_topic_partition_list(event.get())), IsLost()};
  std::erase_if(revoked.partitions, [this](const base::TopicPartition& partition) {
    return !assignment_->contains(partition);  // it was reported as lost before
  });
  revoking_ = std::move(event);
  if (!revoked.partitions.empty()) return revoked;
  CompleteRevoke();
  return task::Nothing{};
}

// The start offsets are read here and not by librdkafka, which does not say what it skips and does
// not pass on the commits' metadata. The assignment, and with it the group's next rebalance, waits
// until the brokers have answered.
task::SourceEvent Consumer::Client::FinishAssignment() {
  const task::Partitions partitions =
      ToPartitions(rd_kafka_event_topic_partition_list(assigning_.get()));
  StartResolver::Starts starts;
  if (!partitions.empty()) {
    auto resolved = resolver_->ResolveStarts(partitions);
    if (!resolved) {
      next_try_ = std::chrono::steady_clock::now() + kBrokerRetry;
      return task::SourceEvent(std::move(resolved.error()));
    }
    starts = std::move(*resolved);
  }
  if (auto error = recreated_.Check(starts.losses)) {
    next_try_ = std::chrono::steady_clock::now() + kBrokerRetry;  // until the task has left
    return std::move(*error);
  }
  assigning_.reset();
  if (HasRejoined()) return task::Nothing{};
  recreated_.OnAssigned(partitions);
  if (auto error = assignment_->Add(partitions, starts.offsets)) return std::move(*error);
  if (HasRejoined()) {  // during Add
    assignment_->RemoveAll();
    recovery_->Forget(partitions);
    return task::Nothing{};
  }
  for (const base::TopicPartition& partition : partitions) {
    if (assignment_->position(partition) < 0) {
      committer_->AddSuspect(partition, OffsetCommitter::SuspectReason::kPosition);
    }
  }
  resolver_->ForgetLostCommits(starts.losses);
  WatchLogEndOffsets();
  return task::Assigned{partitions, std::move(starts.committed), std::move(starts.begins),
                        std::move(starts.losses)};
}

// The member has begun to join again since its assignment, without a revocation (see
// workarounds/rebalance_monitor.h). Nothing of the assignment may be committed any more. Another
// one will follow. A cooperative member keeps its partitions while it joins.
bool Consumer::Client::HasRejoined() const {
  // cooperative() asks librdkafka's main thread, which first handles what is queued there, such as
  // the beginning of a join. So the monitor is read after it.
  const bool cooperative = assignment_->cooperative();
  return !cooperative && MayHaveRejoined();
}

task::SourceEvent Consumer::Client::ReportLost() {
  reported_lost_ = true;
  committer_->CancelPending();
  return task::Revoked{assignment_->partitions(), true};
}

void Consumer::Client::WatchLogEndOffsets() {
  if (log_end_offsets_ != nullptr) log_end_offsets_->SetPartitions(assignment_->partitions());
}

std::optional<task::SourceEvent> Consumer::Client::TakeDueEvent(Time now) {
  if (stashed_) return std::exchange(stashed_, std::nullopt);
  if (auto result = committer_->TakeResult()) return std::move(*result);
  if (leaving_) return std::nullopt;
  if (!assignment_->empty() && !revoking_ && MayHaveRejoined() && HasRejoined())
    return ReportLost();
  if (assigning_) {
    if (now < next_try_) return std::nullopt;
    return FinishAssignment();
  }
  if (revoking_) return std::nullopt;
  return recovery_->Run(now);
}

task::SourceEvent Consumer::Client::Poll(milliseconds timeout, size_t wanted_bytes) {
  if (auto due = TakeDueEvent(std::chrono::steady_clock::now())) return std::move(*due);
  committer_->SendPending();
  const bool retries = assigning_ || recovery_->pending();
  if (retries) timeout = std::min<milliseconds>(timeout, kBrokerRetry);
  task::Records records;
  if (wanted_bytes > 0) records = TakeRecords(wanted_bytes);
  // Only one event can be stashed, so the event queue is not polled now.
  if (stashed_) return records.empty() ? *std::exchange(stashed_, std::nullopt) : records;
  if (!records.empty()) timeout = milliseconds(0);
  // Polled even when there are records, because polling keeps the group membership.
  EventHandle event(rd_kafka_queue_poll(queue_.get(), static_cast<int>(timeout.count())));
  if (records.empty()) return event ? Convert(std::move(event)) : task::SourceEvent();
  if (event) stashed_ = Convert(std::move(event));
  return records;
}

task::Records Consumer::Client::TakeRecords(size_t wanted_bytes) {
  RecordQueues::Taken taken = records_->Take(wanted_bytes);
  for (const RecordQueues::Error& error : taken.errors) {
    recovery_->OnError(error);
    // The recovery reports an invalid position itself, when it knows where to go on.
    if (!PositionRecovery::StopsFetching(error.code)) {
      stashed_ = ConvertError(error.code, error.text.c_str());
    }
  }
  recovery_->DiscardStopped(taken.records);
  assignment_->Advance(taken.records);
  fetch_nudge_->OnTaken(taken.messages, taken.bytes);
  if (fetch_nudge_->is_due()) fetch_nudge_->Send(assignment_->partitions());
  return std::move(taken.records);
}

// A partition whose queue is no longer forwarded puts its records among the events. They are read
// again once the partition is assigned again.
void Consumer::Client::OnStrayRecords(rd_kafka_event_t* event) {
  while (const rd_kafka_message_t* message = rd_kafka_event_message_next(event)) {
    if (message->rkt == nullptr) continue;
    const base::TopicPartition partition{rd_kafka_topic_name(message->rkt), message->partition};
    if (assignment_->contains(partition)) recovery_->OnStopped(partition);
  }
}

void Consumer::Client::Resume(const task::Partitions& partitions) {
  const auto code = rd_kafka_resume_partitions(handle_, ToList(partitions).get());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    WriteLog(LogLevel::kError, "cannot resume partitions", rd_kafka_err2str(code));
  }
  recovery_->CheckCommitsSoon();
}

bool Consumer::Client::LeaveGroup(milliseconds timeout) {
  if (!std::exchange(leaving_, true)) {
    committer_->CancelPending();
    rd_kafka_unsubscribe(handle_);
  } else if (IsOutsideGroup()) {
    return true;
  }
  CompleteRevoke();
  if (assigning_) assignment_->AssignNothing();
  assigning_.reset();
  (void)Poll(timeout, 0);
  return false;
}

// During a rebalance librdkafka postpones rd_kafka_unsubscribe until the member is outside its
// group for a moment. There the call takes effect at once, so it is repeated: a member that has
// partitions left is asked to give them back, and one that is still outside stays outside.
bool Consumer::Client::IsOutsideGroup() {
  // After a fatal error librdkafka asks for no answers, but does not leave either.
  if (!monitor_.outside_group()) return FindFatalError(handle_).has_value();
  rd_kafka_unsubscribe(handle_);
  return monitor_.outside_group();
}

// A member that still joins learns the group's protocol at any moment.
bool Consumer::Client::MustLeak(bool has_left) const {
  if (!AbortsOnEarlyLeave() || was_assigned_) return false;
  return has_left ? assignment_->cooperative() : may_be_cooperative_;
}

std::string Consumer::Client::Close() {
  const ErrorHandle failed(rd_kafka_consumer_close_queue(handle_, queue_.get()));
  return failed ? rd_kafka_error_string(failed.get()) : std::string();
}

bool Consumer::Client::AwaitClosed(milliseconds timeout) {
  if (rd_kafka_consumer_closed(handle_) != 0) return true;
  (void)EventHandle(rd_kafka_queue_poll(queue_.get(), static_cast<int>(timeout.count())));
  return false;
}

void Consumer::Client::CompleteRevoke() {
  if (std::exchange(reported_lost_, false)) {
    const task::Partitions partitions = assignment_->partitions();
    assignment_->RemoveAll();
    revoking_.reset();  // the group has gone on without its answer
    Forget(partitions);
    WatchLogEndOffsets();
    return;
  }
  if (!revoking_) return;
  const task::Partitions partitions =
      ToPartitions(rd_kafka_event_topic_partition_list(revoking_.get()));
  const std::string error = assignment_->Remove(partitions);
  if (!error.empty()) WriteLog(LogLevel::kError, "cannot unassign partitions", error);
  Forget(partitions);
  revoking_.reset();
  WatchLogEndOffsets();
}

void Consumer::Client::Forget(const task::Partitions& partitions) {
  assignment_->Forget(partitions);
  recovery_->Forget(partitions);
}

void Consumer::Client::Renew(const task::Credentials& credentials) {
  monitor_.log_context().redactor.Renew(credentials.username, credentials.password);
  ReplaceCredentials(properties_, credentials);
  const std::string error = RenewCredentials(handle_, properties_);
  if (!error.empty()) WriteLog(LogLevel::kError, "cannot renew the credentials", error);
}

}  // namespace khs::kafka
