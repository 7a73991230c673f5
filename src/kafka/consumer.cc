#include "kafka/consumer.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <set>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include "kafka/client_log.h"
#include "kafka/configuration.h"
#include "kafka/consumer_properties.h"
#include "kafka/conversions.h"
#include "kafka/join_watch.h"
#include "kafka/record_queues.h"

namespace khs::kafka {
namespace {

using base::LogLevel;
using std::chrono::milliseconds;

// For the broker to say what is committed; bounds how long a poll takes.
constexpr std::chrono::seconds kCommittedTimeout{1};

std::atomic<int> left_behind{0};

}  // namespace

std::optional<std::string> TryConsumer(const Subscription& subscription,
                                       const Properties& properties) {
  Properties all = ConsumerProperties(subscription, properties);
  for (const char* name : {"bootstrap.servers", "metadata.broker.list"}) all.erase(name);
  all["log_level"] = "0";  // it has no brokers, of which it would warn
  if (auto problem = JudgeTogether(all)) return problem;
  return TryClient(all, subscription.owner);
}

class Consumer::Client {
 public:
  Client(const Subscription& subscription, const Properties& properties, LogEnds::Watch* log_ends);
  ~Client() {
    assigning_.reset();
    revoking_.reset();
    CloseQueues();
    rd_kafka_destroy_flags(handle_, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  rd_kafka_t* handle() const { return handle_; }
  rd_kafka_queue_t* queue() const { return queue_.get(); }
  const ClientOwner& owner() const { return join_watch_.voice().owner; }
  void Say(base::LogLevel level, std::string_view message,
           const std::optional<std::string_view>& error = {}) const {
    std::optional<std::string> shown;
    if (error) shown = Redacted(*error);
    Log().Log(level, message,
              {{"connector", owner().connector}, {"task", owner().task}, {"error", shown}});
  }

  task::SourceEvent Poll(milliseconds timeout, size_t wanted_bytes);
  void Renew(const task::Credentials& credentials);
  void CompleteRevoke();
  // An assignment that is not finished is answered with none.
  void GiveUpAssignment() {
    if (assigning_) rd_kafka_assign(handle_, nullptr);
    assigning_.reset();
  }

  void Commit(const task::Positions& positions);
  std::optional<task::CommitError> CommitAndWait(const task::Positions& positions,
                                                 milliseconds timeout);

  // librdkafka before 2.3 aborts the process when a cooperative member that the group is taking in
  // is destroyed before its first assignment (its issue 4312). Not to be asked of a closed client.
  bool AbortsAtItsEnd() const {
    return rd_kafka_version() < 0x02030000 && !was_assigned_ && Cooperative();
  }

 private:
  std::string Redacted(std::string_view words) const {
    return join_watch_.voice().redactor.Redact(words);
  }
  void StartCommit();
  void CloseQueues() {
    records_.reset();
    queue_.reset();
  }
  task::SourceEvent Convert(EventHandle event);
  task::SourceEvent FinishAssignment();
  rd_kafka_resp_err_t FindEnds(const rd_kafka_topic_partition_list_t* list, task::Positions& ends);
  void FollowLogs();
  task::Records TakeRecords(size_t wanted_bytes);
  task::SourceEvent ConvertRebalance(EventHandle event);
  task::SourceEvent ConvertError(rd_kafka_resp_err_t code, const char* text);
  bool Cooperative() const {
    return std::string_view(rd_kafka_rebalance_protocol(handle_)) == "COOPERATIVE";
  }

  LogEnds::Watch* const log_ends_;  // may be null
  bool begins_at_end_ = false;      // what nothing is committed of
  std::set<base::TopicPartition> assigned_;
  JoinWatch join_watch_;  // before the client, whose log it reads
  rd_kafka_t* handle_ = nullptr;
  QueueHandle queue_;
  // Apart from the other queue, which is polled on while records are left where they are: a pause
  // would throw away what was fetched.
  std::optional<RecordQueues> records_;
  bool was_assigned_ = false;                 // ever, were it nothing
  std::optional<task::SourceEvent> stashed_;  // for the next poll
  std::optional<task::Positions> to_commit_;  // when no join is under way
  std::optional<task::Committed> refused_;    // a commit that could not even be started
  EventHandle assigning_;  // the assignment whose committed offsets are not known yet
  std::chrono::steady_clock::time_point next_try_;  // to learn them
  EventHandle revoking_;                            // the revocation that waits for CompleteRevoke
};

Consumer::Client::Client(const Subscription& subscription, const Properties& properties,
                         LogEnds::Watch* log_ends)
    : log_ends_(log_ends), join_watch_(subscription.owner, properties) {
  const Properties all = ConsumerProperties(subscription, properties);
  begins_at_end_ = BeginsAtEnd(all);
  ConfHandle conf = MakeConfiguration(all);
  join_watch_.Watch(conf.get());
  rd_kafka_conf_set_events(conf.get(), RD_KAFKA_EVENT_FETCH | RD_KAFKA_EVENT_ERROR |
                                           RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_OFFSET_COMMIT);
  handle_ = NewClient(RD_KAFKA_CONSUMER, std::move(conf), join_watch_.voice().redactor);
  rd_kafka_poll_set_consumer(handle_);
  queue_.reset(rd_kafka_queue_get_consumer(handle_));
  records_.emplace(handle_, queue_.get(), subscription.prefetch_bytes);

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

task::SourceEvent Consumer::Client::Convert(EventHandle event) {
  switch (rd_kafka_event_type(event.get())) {
    case RD_KAFKA_EVENT_FETCH: {  // an error of the subscription's; records have their own queue
      const rd_kafka_message_t* message = rd_kafka_event_message_next(event.get());
      if (message == nullptr || message->err == RD_KAFKA_RESP_ERR_NO_ERROR) return task::Nothing{};
      return ConvertError(message->err, rd_kafka_message_errstr(message));
    }
    case RD_KAFKA_EVENT_REBALANCE:
      return ConvertRebalance(std::move(event));
    case RD_KAFKA_EVENT_OFFSET_COMMIT:
      return ToCommitted(event.get());
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
    return FinishAssignment();
  }
  // It is taken anew with what the revocation commits, or must not be made at all any more.
  if (to_commit_)
    refused_ = task::Committed{*to_commit_, task::CommitError{"a rebalance came first"}};
  to_commit_.reset();
  task::Revoked revoked{ToPartitions(rd_kafka_event_topic_partition_list(event.get())),
                        rd_kafka_assignment_lost(handle_) != 0};
  revoking_ = std::move(event);
  return revoked;
}

// What is committed is asked for here, and not left to librdkafka, which keeps the metadata to
// itself. Until the broker has said it the assignment waits, and with it the group's next
// rebalance.
task::SourceEvent Consumer::Client::FinishAssignment() {
  rd_kafka_topic_partition_list_t* list = rd_kafka_event_topic_partition_list(assigning_.get());
  rd_kafka_resp_err_t code =
      rd_kafka_committed(handle_, list, static_cast<int>(milliseconds(kCommittedTimeout).count()));
  for (int i = 0; i < list->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) {
    code = list->elems[i].err;
  }
  task::Positions begins;
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR && begins_at_end_) code = FindEnds(list, begins);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    next_try_ = std::chrono::steady_clock::now() + kCommittedTimeout;
    return task::SourceError{
        Classify(code), rd_kafka_err2name(code),
        std::string("cannot read where to begin, trying on: ") + rd_kafka_err2str(code)};
  }
  const EventHandle assignment = std::move(assigning_);
  task::Positions committed = CommittedIn(list);
  for (const auto& [partition, offset, metadata] : begins) {
    rd_kafka_topic_partition_list_set_offset(list, partition.topic.c_str(), partition.partition,
                                             offset);
  }
  // librdkafka keeps a pause of ours across assignments, while the task starts with all flowing.
  // To be done before the assignment: afterwards it would throw away what was fetched meanwhile.
  rd_kafka_resume_partitions(handle_, list);
  records_->Forward(list);
  std::string failure;
  if (Cooperative()) {
    const ErrorHandle failed(rd_kafka_incremental_assign(handle_, list));
    if (failed) failure = Redacted(rd_kafka_error_string(failed.get()));
  } else {
    code = rd_kafka_assign(handle_, list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) failure = rd_kafka_err2str(code);
  }
  if (!failure.empty()) {
    return task::SourceError{task::ErrorClass::kFatal, "ASSIGN", "cannot assign: " + failure};
  }
  const task::Partitions partitions = ToPartitions(list);
  assigned_.insert(partitions.begin(), partitions.end());
  FollowLogs();
  return task::Assigned{partitions, std::move(committed), std::move(begins)};
}

// The log's end moves on: a member that knew it only by what it reads would leave out whatever came
// before the next one asks, when it ends with nothing done. So it is asked for, and committed.
rd_kafka_resp_err_t Consumer::Client::FindEnds(const rd_kafka_topic_partition_list_t* list,
                                               task::Positions& ends) {
  const PartitionListHandle asked(rd_kafka_topic_partition_list_new(list->cnt));
  for (int i = 0; i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& element = list->elems[i];
    if (element.offset >= 0) continue;
    rd_kafka_topic_partition_list_add(asked.get(), element.topic, element.partition)->offset =
        RD_KAFKA_OFFSET_END;
  }
  if (asked->cnt == 0) return RD_KAFKA_RESP_ERR_NO_ERROR;
  rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(
      handle_, asked.get(), static_cast<int>(milliseconds(kCommittedTimeout).count()));
  for (int i = 0; i < asked->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) {
    code = asked->elems[i].err;
  }
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) ends = CommittedIn(asked.get());
  return code;
}

// Librdkafka would tell what is assigned, but never answers once the client has closed.
void Consumer::Client::FollowLogs() {
  if (log_ends_ != nullptr) log_ends_->Follow({assigned_.begin(), assigned_.end()});
}

task::SourceEvent Consumer::Client::Poll(milliseconds timeout, size_t wanted_bytes) {
  if (stashed_) return *std::exchange(stashed_, std::nullopt);
  if (refused_) return *std::exchange(refused_, std::nullopt);
  if (to_commit_ && !join_watch_.joining()) StartCommit();
  if (assigning_ && std::chrono::steady_clock::now() >= next_try_) return FinishAssignment();
  if (assigning_) timeout = std::min<milliseconds>(timeout, kCommittedTimeout);
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
  if (taken.error) stashed_ = ConvertError(taken.error->code, taken.error->text.c_str());
  if (records_->wants_nudge()) records_->Nudge({assigned_.begin(), assigned_.end()});
  return std::move(taken.records);
}

void Consumer::Client::Commit(const task::Positions& positions) {
  to_commit_ = positions;
  if (!join_watch_.joining()) StartCommit();
}

void Consumer::Client::StartCommit() {
  const task::Positions positions = *std::exchange(to_commit_, std::nullopt);
  const auto code =
      rd_kafka_commit_queue(handle_, ToList(positions).get(), queue_.get(), nullptr, nullptr);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return;
  refused_ = task::Committed{positions, task::CommitError{rd_kafka_err2str(code)}};
}

std::optional<task::CommitError> Consumer::Client::CommitAndWait(const task::Positions& positions,
                                                                 milliseconds timeout) {
  to_commit_.reset();  // these are newer
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  const auto left = [&] {
    return std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
  };
  // A queue of its own, so that the answer to this commit is waited for and nothing else is taken.
  const QueueHandle answer(rd_kafka_queue_new(handle_));
  while (join_watch_.joining() && left() > timeout / 2) {
    (void)EventHandle(rd_kafka_queue_poll(answer.get(), 10));
  }
  const auto code =
      rd_kafka_commit_queue(handle_, ToList(positions).get(), answer.get(), nullptr, nullptr);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return task::CommitError{rd_kafka_err2str(code)};
  const int wait = static_cast<int>(std::max(left(), milliseconds(0)).count());
  const EventHandle event(rd_kafka_queue_poll(answer.get(), wait));
  if (!event) return task::CommitError{"the broker did not answer in time"};
  return ToCommitted(event.get()).error;
}

void Consumer::Client::CompleteRevoke() {
  if (!revoking_) return;
  if (Cooperative()) {
    const ErrorHandle failed(rd_kafka_incremental_unassign(
        handle_, rd_kafka_event_topic_partition_list(revoking_.get())));
    if (failed) Say(LogLevel::kError, "cannot unassign", rd_kafka_error_string(failed.get()));
  } else {
    const rd_kafka_resp_err_t code = rd_kafka_assign(handle_, nullptr);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
      Say(LogLevel::kError, "cannot unassign", rd_kafka_err2str(code));
    }
  }
  for (const base::TopicPartition& partition :
       ToPartitions(rd_kafka_event_topic_partition_list(revoking_.get()))) {
    assigned_.erase(partition);
  }
  revoking_.reset();
  FollowLogs();
}

void Consumer::Client::Renew(const task::Credentials& credentials) {
  join_watch_.voice().redactor.Renew(credentials.username, credentials.password);
  const ErrorHandle failed(rd_kafka_sasl_set_credentials(handle_, credentials.username.c_str(),
                                                         credentials.password.c_str()));
  if (failed) {
    Say(LogLevel::kError, "cannot renew the credentials", rd_kafka_error_string(failed.get()));
  }
}

Consumer::Consumer(const Subscription& subscription, const Properties& properties,
                   std::unique_ptr<LogEnds::Watch> log_ends)
    : log_ends_(std::move(log_ends)),
      client_(std::make_unique<Client>(subscription, properties, log_ends_.get())) {}

Consumer::~Consumer() {
  if (!must_stay_ && !left_unanswered_) return;
  ++left_behind;
  if (must_stay_) {
    Log().Warn("the client is left behind, because librdkafka would not survive its end",
               {{"connector", client_->owner().connector},
                {"task", client_->owner().task},
                {"librdkafka", rd_kafka_version_str()}});
    (void)client_.release();
    return;
  }
  // rd_kafka_destroy waits for requests that nobody answers, longer than any grace.
  Client* const client = client_.release();
  try {
    std::thread([client] {
      delete client;
      --left_behind;
    }).detach();
  } catch (const std::system_error& error) {
    Log().Warn("the client is left behind", {{"connector", client->owner().connector},
                                             {"task", client->owner().task},
                                             {"error", error.what()}});
  }
}

int Consumer::LeftBehind() { return left_behind; }

task::SourceEvent Consumer::Poll(milliseconds timeout, size_t wanted_bytes) {
  return client_->Poll(timeout, wanted_bytes);
}

void Consumer::Wake() noexcept { rd_kafka_queue_yield(client_->queue()); }

void Consumer::Pause(const task::Partitions& partitions) {
  const auto code = rd_kafka_pause_partitions(client_->handle(), ToList(partitions).get());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    client_->Say(LogLevel::kError, "cannot pause partitions", rd_kafka_err2str(code));
  }
}

void Consumer::Resume(const task::Partitions& partitions) {
  const auto code = rd_kafka_resume_partitions(client_->handle(), ToList(partitions).get());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    client_->Say(LogLevel::kError, "cannot resume partitions", rd_kafka_err2str(code));
  }
}

void Consumer::Commit(const task::Positions& positions) { client_->Commit(positions); }

std::optional<task::CommitError> Consumer::CommitAndWait(const task::Positions& positions,
                                                         milliseconds timeout) {
  return client_->CommitAndWait(positions, timeout);
}

std::optional<int64_t> Consumer::LogEnd(const base::TopicPartition& partition) const {
  return log_ends_ ? log_ends_->End(partition) : std::nullopt;
}

void Consumer::Renew(const task::Credentials& credentials) {
  if (log_ends_) log_ends_->Renew(credentials);
  client_->Renew(credentials);
}

void Consumer::CompleteRevoke() { client_->CompleteRevoke(); }

void Consumer::Leave(milliseconds timeout) {
  client_->GiveUpAssignment();
  client_->CompleteRevoke();
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (client_->AbortsAtItsEnd() && std::chrono::steady_clock::now() < deadline) {
    (void)Poll(milliseconds(50), 0);
    client_->GiveUpAssignment();
  }
  must_stay_ = client_->AbortsAtItsEnd();
  left_unanswered_ = true;
  const ErrorHandle failed(rd_kafka_consumer_close_queue(client_->handle(), client_->queue()));
  if (failed) {
    client_->Say(LogLevel::kWarn, "cannot leave the group", rd_kafka_error_string(failed.get()));
    return;
  }
  // The revocation that closing brings must be answered, or it never ends.
  while (rd_kafka_consumer_closed(client_->handle()) == 0) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) {
      client_->Say(LogLevel::kWarn,
                   "the broker did not answer in time; the group forgets this member by itself");
      return;
    }
    const task::SourceEvent event = Poll(std::min(left, milliseconds(50)), 0);
    if (std::holds_alternative<task::Revoked>(event)) client_->CompleteRevoke();
    client_->GiveUpAssignment();
  }
  left_unanswered_ = false;
}

}  // namespace khs::kafka
