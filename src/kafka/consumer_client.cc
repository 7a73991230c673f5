#include "kafka/consumer_client.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include "kafka/client_log.h"
#include "kafka/configuration.h"
#include "kafka/consumer_properties.h"
#include "kafka/conversions.h"

namespace khs::kafka {
namespace {

using base::LogLevel;
using std::chrono::milliseconds;

// Between two questions to brokers that did not answer.
constexpr std::chrono::seconds kRetry{1};
// A topic that is recreated while nothing of it is committed, or while the partition is paused,
// makes no event: so it is asked after this often.
constexpr std::chrono::seconds kCheckInterval{30};

// librdkafka reads the partition no more.
bool IsStuck(rd_kafka_resp_err_t code) {
  constexpr int kLogTruncation = -139;  // since 2.1
  return code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
         code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE || static_cast<int>(code) == kLogTruncation;
}

// The topic is another one by now. Of one that is not there at all no error comes to a partition:
// the group rebalances.
bool IsOtherTopic(rd_kafka_resp_err_t code) {
  constexpr int kInconsistentTopicId = 103;
  return static_cast<int>(code) == kInconsistentTopicId;
}

}  // namespace

Consumer::Client::Client(const Subscription& subscription, const Properties& properties,
                         LogEnds::Watch* log_ends, std::shared_ptr<GroupMemory> memory)
    : log_ends_(log_ends), properties_(properties), join_watch_(subscription.owner, properties) {
  const Properties all = ConsumerProperties(subscription, properties);
  const ResetPolicy policy = ResetPolicyOf(all);
  ConfHandle conf = MakeConfiguration(all);
  join_watch_.Watch(conf.get());
  rd_kafka_conf_set_events(conf.get(), RD_KAFKA_EVENT_FETCH | RD_KAFKA_EVENT_ERROR |
                                           RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_OFFSET_COMMIT);
  handle_ = NewClient(RD_KAFKA_CONSUMER, std::move(conf), join_watch_.voice().redactor);
  rd_kafka_poll_set_consumer(handle_);
  queue_.reset(rd_kafka_queue_get_consumer(handle_));
  records_.emplace(handle_, queue_.get(), subscription.prefetch_bytes);
  assignment_.emplace(handle_, *records_);
  resolver_.emplace(handle_, subscription, policy, memory,
                    [this, group = subscription.group](milliseconds timeout) {
                      return GroupOffsets(properties_, owner().connector).Commits(group, timeout);
                    });
  commits_.emplace(
      handle_, queue_.get(), join_watch_, std::move(memory), log_ends_,
      [this](task::Positions positions) { return resolver_->WithStart(std::move(positions)); },
      [this] { return IsLost(); });
  Subscribe(subscription);
}

Consumer::Client::~Client() {
  assigning_.reset();
  revoking_.reset();
  CloseQueues();
  rd_kafka_destroy_flags(handle_, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

void Consumer::Client::CloseQueues() {
  records_.reset();
  queue_.reset();
}

void Consumer::Client::Subscribe(const Subscription& subscription) {
  task::Partitions names;
  for (const std::string& topic : subscription.topics) names.push_back({topic, -1});
  // librdkafka takes a name that starts with ^ as a regular expression, which finds parts of names.
  if (names.empty()) names.push_back({"^(" + subscription.topics_regex + ")$", -1});
  const rd_kafka_resp_err_t failed = rd_kafka_subscribe(handle_, ToList(names).get());
  if (failed != RD_KAFKA_RESP_ERR_NO_ERROR) {
    CloseQueues();
    rd_kafka_destroy_flags(handle_, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    throw std::runtime_error(std::string("cannot subscribe: ") + rd_kafka_err2str(failed));
  }
}

void Consumer::Client::Say(LogLevel level, std::string_view message,
                           const std::optional<std::string_view>& error) const {
  std::optional<std::string> shown;
  if (error) shown = Redacted(*error);
  Log().Log(level, message,
            {{"connector", owner().connector}, {"task", owner().task}, {"error", shown}});
}

task::SourceEvent Consumer::Client::Convert(EventHandle event) {
  switch (rd_kafka_event_type(event.get())) {
    case RD_KAFKA_EVENT_FETCH:
      NoteStray(event.get());
      return task::Nothing{};
    case RD_KAFKA_EVENT_REBALANCE:
      return ConvertRebalance(std::move(event));
    case RD_KAFKA_EVENT_OFFSET_COMMIT:
      return commits_->OnCommitted(event.get());
    case RD_KAFKA_EVENT_ERROR:
      return ConvertError(rd_kafka_event_error(event.get()),
                          rd_kafka_event_error_string(event.get()));
    default:
      return task::Nothing{};
  }
}

task::SourceEvent Consumer::Client::ConvertError(rd_kafka_resp_err_t code, const char* text) {
  task::SourceError error{Classify(code), rd_kafka_err2name(code),
                          Redacted(text != nullptr ? text : "")};
  if (code == RD_KAFKA_RESP_ERR__FATAL) {
    std::array<char, 512> words{};
    error.code = rd_kafka_err2name(rd_kafka_fatal_error(handle_, words.data(), words.size()));
    error.text = Redacted(words.data());
  }
  return error;
}

task::SourceEvent Consumer::Client::ConvertRebalance(EventHandle event) {
  if (rd_kafka_event_error(event.get()) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    was_assigned_ = true;
    assigning_ = std::move(event);
    joins_ = join_watch_.joins();
    if (leaving_) return task::Nothing{};
    if (!assignment_->cooperative() && !assignment_->empty()) return GiveUp();
    return FinishAssignment();
  }
  // It is taken anew with what the revocation commits, or must not be made at all any more.
  commits_->Cancel();
  task::Revoked revoked{ToPartitions(rd_kafka_event_topic_partition_list(event.get())), IsLost()};
  std::erase_if(revoked.partitions, [this](const base::TopicPartition& partition) {
    return !assignment_->contains(partition);  // given up before
  });
  if (revoked.partitions.empty()) {
    revoking_ = std::move(event);
    CompleteRevoke();
    return task::Nothing{};
  }
  revoking_ = std::move(event);
  return revoked;
}

// Where reading starts is asked for here, and not left to librdkafka, which says nothing of what it
// passes over and keeps the commits' metadata to itself. Until the brokers have said it the
// assignment waits, and with it the group's next rebalance.
task::SourceEvent Consumer::Client::FinishAssignment() {
  const task::Partitions partitions =
      ToPartitions(rd_kafka_event_topic_partition_list(assigning_.get()));
  StartResolver::Starts starts;
  if (!partitions.empty()) {
    auto resolved = resolver_->Resolve(partitions);
    if (!resolved) {
      next_try_ = std::chrono::steady_clock::now() + kRetry;
      return task::SourceEvent(std::move(resolved.error()));
    }
    starts = std::move(*resolved);
  }
  if (auto damaged = Damage(starts.losses)) {
    next_try_ = std::chrono::steady_clock::now() + kRetry;  // until the task has left
    return std::move(*damaged);
  }
  assigning_.reset();
  if (IsObsolete()) return task::Nothing{};
  for (const base::TopicPartition& partition : partitions) topics_.insert(partition.topic);
  if (auto failed = Failure(assignment_->Add(partitions, starts.offsets))) return *failed;
  if (IsObsolete()) {  // since it was looked at
    assignment_->Decline();
    Forget(partitions);
    return task::Nothing{};
  }
  for (const base::TopicPartition& partition : partitions) {
    if (assignment_->position(partition) < 0) {
      commits_->Suspect(partition, GuardedCommits::Doubt::kPosition);
    }
  }
  resolver_->Settled(starts.losses);
  FollowLogs();
  return task::Assigned{partitions, std::move(starts.committed), std::move(starts.begins),
                        std::move(starts.losses)};
}

std::optional<task::SourceEvent> Consumer::Client::Failure(const std::string& text) const {
  if (text.empty()) return std::nullopt;
  return task::SourceError{task::ErrorClass::kFatal, "ASSIGN", "cannot assign: " + Redacted(text)};
}

// The member has begun to join the group anew since it was given its assignment, though no
// revocation was answered: librdkafka does so when a topic changes while an assignment waits for
// its answer, or when it takes another call for the answer. Others may be given these partitions,
// and nothing of them may be committed any more. Another assignment will follow. (A cooperative
// member keeps what it has.)
bool Consumer::Client::IsObsolete() const {
  // In this order: the protocol is asked of librdkafka's own thread, which takes a while.
  return (join_watch_.joining() || join_watch_.joins() != joins_) && !assignment_->cooperative();
}

// Nothing of it is committed, and the task hears that it is lost.
task::SourceEvent Consumer::Client::GiveUp() {
  is_given_up_ = true;
  commits_->Cancel();
  return task::Revoked{assignment_->partitions(), true};
}

void Consumer::Client::FollowLogs() {
  if (log_ends_ == nullptr) return;
  log_ends_->Follow(assignment_->partitions());
}

std::optional<task::SourceEvent> Consumer::Client::TakeDue(Time now) {
  if (stashed_) return std::exchange(stashed_, std::nullopt);
  if (auto ended = commits_->TakeEnded()) return std::move(*ended);
  if (leaving_) return std::nullopt;
  if (!assignment_->empty() && !revoking_ && IsObsolete()) return GiveUp();
  if (assigning_) {
    if (now < next_try_) return std::nullopt;
    return FinishAssignment();
  }
  if (revoking_) return std::nullopt;
  CheckInTurn(now);
  if (join_watch_.rebalancing()) return std::nullopt;
  if (commits_->doubtful().empty() || now < next_look_) return std::nullopt;
  auto event = SettleDoubts();
  // Brokers that let it wait must not take most of the time from what is well.
  const Time end = std::chrono::steady_clock::now();
  next_look_ = end + std::max<Time::duration>(kRetry, 9 * (end - now));
  return event;
}

void Consumer::Client::CheckInTurn(Time now) {
  if (now < next_check_) return;
  next_check_ = now + kCheckInterval;
  if (assignment_->empty() || commits_->Check(assignment_->partitions())) return;
  // The coordinator may be away while the partitions' leaders are there, and reading goes on.
  const Time end = std::chrono::steady_clock::now();
  next_check_ = end + std::max<Time::duration>(kRetry, 9 * (end - now));
}

task::SourceEvent Consumer::Client::Poll(milliseconds timeout, size_t wanted_bytes) {
  const Time now = std::chrono::steady_clock::now();
  if (auto due = TakeDue(now)) return std::move(*due);
  commits_->Proceed();
  const bool retries = assigning_ || !commits_->doubtful().empty();
  if (retries) timeout = std::min<milliseconds>(timeout, kRetry);
  task::Records records;
  if (wanted_bytes > 0) records = TakeRecords(wanted_bytes);
  // An event of the other queue would have no place to wait.
  if (stashed_) return records.empty() ? *std::exchange(stashed_, std::nullopt) : records;
  if (!records.empty()) timeout = milliseconds(0);
  // Also when there are records: this is what keeps the membership.
  EventHandle event(rd_kafka_queue_poll(queue_.get(), static_cast<int>(timeout.count())));
  if (records.empty()) return event ? Convert(std::move(event)) : task::SourceEvent();
  if (event) stashed_ = Convert(std::move(event));
  return records;
}

task::Records Consumer::Client::TakeRecords(size_t wanted_bytes) {
  RecordQueues::Taken taken = records_->Take(wanted_bytes);
  for (const RecordQueues::Error& error : taken.errors) {
    NoteError(error);
    // What becomes of a partition without a valid position is told when that is known.
    if (!IsStuck(error.code)) stashed_ = ConvertError(error.code, error.text.c_str());
  }
  // They are read again from where the partition stands, once that is settled.
  if (!stuck_.empty()) {
    std::erase_if(taken.records, [this](const delivery::Record& record) {
      return stuck_.contains(record.topic_partition);
    });
  }
  assignment_->Advance(taken.records);
  if (records_->wants_nudge()) records_->Nudge(assignment_->partitions());
  return std::move(taken.records);
}

// Records have queues of their own. Should the queue of a partition no longer be forwarded, its
// records come here, and are read again once the partition is assigned anew.
void Consumer::Client::NoteStray(rd_kafka_event_t* event) {
  while (const rd_kafka_message_t* message = rd_kafka_event_message_next(event)) {
    if (message->rkt == nullptr) continue;
    const base::TopicPartition partition{rd_kafka_topic_name(message->rkt), message->partition};
    if (assignment_->contains(partition)) NoteStuck(partition);
  }
}

// It is to be assigned anew where it stands.
void Consumer::Client::NoteStuck(const base::TopicPartition& partition) {
  commits_->Suspect(partition, GuardedCommits::Doubt::kPosition);
  if (stuck_.insert(partition).second) next_look_ = {};
}

void Consumer::Client::NoteError(const RecordQueues::Error& error) {
  if (!assignment_->contains(error.partition)) return;
  if (IsStuck(error.code) || assignment_->HasPassed(error.partition)) {
    NoteStuck(error.partition);
  } else if (IsOtherTopic(error.code)) {
    commits_->Suspect(error.partition, GuardedCommits::Doubt::kTopic);
    next_look_ = {};
  }
}

// From 2.4 on and before 2.10, a topic that is recreated leaves a pointer to freed memory in the
// client's cache of topic ids (librdkafka issues 4778, 4964): it crashes, or reads nothing any
// more. Another client has to go on, and finds the same loss.
std::optional<task::SourceEvent> Consumer::Client::Damage(const task::Losses& losses) const {
  if (rd_kafka_version() < 0x02040000 || rd_kafka_version() >= 0x020a0000) return std::nullopt;
  const auto damaging = std::find_if(losses.begin(), losses.end(), [this](const task::Loss& loss) {
    return loss.reason == delivery::LossReason::kRecreated &&
           topics_.contains(loss.topic_partition.topic);
  });
  if (damaging == losses.end()) return std::nullopt;
  return task::SourceError{task::ErrorClass::kObsolete, "TOPIC_RECREATED",
                           "topic " + damaging->topic_partition.topic +
                               " was recreated, which this client does not survive"};
}

std::optional<task::SourceEvent> Consumer::Client::SettleDoubts() {
  std::map<base::TopicPartition, StartResolver::Suspect> suspects;
  task::Partitions unstarted;  // their logs could not be looked at when they were assigned
  for (const auto& [partition, doubt] : commits_->doubtful()) {
    const int64_t position = assignment_->position(partition);
    if (position < 0) {
      unstarted.push_back(partition);
    } else {
      suspects[partition] = {position, stuck_.contains(partition)};
    }
  }
  StartResolver::Moves moves;
  task::Moved moved;
  if (!suspects.empty()) {
    auto resolved = resolver_->ResolveMoves(suspects);
    if (!resolved) return task::SourceEvent(std::move(resolved.error()));
    moves = std::move(*resolved);
  }
  if (!unstarted.empty()) {
    auto starts = resolver_->Resolve(unstarted);
    if (!starts) return task::SourceEvent(std::move(starts.error()));
    for (const task::Position& start : starts->offsets) {
      moves.offsets.push_back(start);
      moves.settled.push_back(start.topic_partition);
    }
    moves.losses.insert(moves.losses.end(), starts->losses.begin(), starts->losses.end());
    moved.begins = std::move(starts->begins);
  }
  if (auto damaged = Damage(moves.losses)) return damaged;
  // An assignment of ours would count as the answer to a revocation that is not even known here.
  if (join_watch_.rebalancing()) return std::nullopt;
  if (!moves.offsets.empty()) {
    if (auto failed = Failure(assignment_->Move(moves.offsets))) return failed;
  }
  for (const base::TopicPartition& partition : moves.settled) {
    commits_->Clear(partition);
    stuck_.erase(partition);
  }
  resolver_->Settled(moves.losses);
  moved.losses = std::move(moves.losses);
  if (moved.losses.empty() && moved.begins.empty()) return std::nullopt;
  return moved;
}

void Consumer::Client::Resume(const task::Partitions& partitions) {
  const auto code = rd_kafka_resume_partitions(handle_, ToList(partitions).get());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    Say(LogLevel::kError, "cannot resume partitions", rd_kafka_err2str(code));
  }
  next_check_ = {};  // a topic may have been recreated meanwhile
}

void Consumer::Client::GiveUpAssignment() {
  leaving_ = true;
  if (assigning_) assignment_->Decline();
  assigning_.reset();
}

void Consumer::Client::CompleteRevoke() {
  if (std::exchange(is_given_up_, false)) {
    if (!assigning_) assignment_->Decline();
    Forget(assignment_->partitions());
    FollowLogs();
    return;
  }
  if (!revoking_) return;
  const task::Partitions partitions =
      ToPartitions(rd_kafka_event_topic_partition_list(revoking_.get()));
  const std::string failure = assignment_->Remove(partitions);
  if (!failure.empty()) Say(LogLevel::kError, "cannot unassign", failure);
  Forget(partitions);
  revoking_.reset();
  FollowLogs();
}

void Consumer::Client::Forget(const task::Partitions& partitions) {
  assignment_->Forget(partitions);
  for (const base::TopicPartition& partition : partitions) {
    stuck_.erase(partition);
    commits_->Clear(partition);
  }
}

void Consumer::Client::Renew(const task::Credentials& credentials) {
  join_watch_.voice().redactor.Renew(credentials.username, credentials.password);
  properties_["sasl.username"] = credentials.username;
  properties_["sasl.password"] = credentials.password;
  const ErrorHandle failed(rd_kafka_sasl_set_credentials(handle_, credentials.username.c_str(),
                                                         credentials.password.c_str()));
  if (failed) {
    Say(LogLevel::kError, "cannot renew the credentials", rd_kafka_error_string(failed.get()));
  }
}

}  // namespace khs::kafka
