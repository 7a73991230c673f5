#include "kafka/consumer.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <set>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include "kafka/client_log.h"
#include "kafka/configuration.h"
#include "kafka/conversions.h"
#include "kafka/join_watch.h"

namespace khs::kafka {
namespace {

using base::LogLevel;
using std::chrono::milliseconds;

// For the broker to say what is committed; bounds how long a poll takes.
constexpr std::chrono::seconds kCommittedTimeout{1};

constexpr size_t kReadAheadRecords = 5000;
constexpr milliseconds kNudgeTimeout{50};
constexpr milliseconds kNudgePause{1000};  // after one that failed
// Records that are copied out of librdkafka at once.
constexpr size_t kBatch = 128;
// A producer's batch comes whole, up to a megabyte of one partition; what other partitions brought
// must not stand behind it.
constexpr size_t kQueues = 8;

std::atomic<int> left_behind{0};

// Before 2.2 librdkafka's broker thread sleeps for a second once enough was read ahead, whatever
// becomes of that meanwhile, unless a request or an answer wakes it (librdkafka issue 2879).
bool FetchNeedsNudge() { return rd_kafka_version() < 0x02020000; }

// What the process and the connector may override. Prefetch is small: the task has a bounded queue
// of its own, and librdkafka's default would hold 64 MiB more. A fetch brings little of each
// partition, so that records of several are at hand at any time. Both limits are of one queue.
Properties Defaults(size_t prefetch_bytes) {
  const size_t share = prefetch_bytes / kQueues;
  const size_t fetch = std::clamp<size_t>(share / 5, 16 << 10, 1 << 20);
  const size_t queue = std::max<size_t>(share / 5 * 4 / 1024, 64);
  Properties defaults{
      {"auto.offset.reset", "earliest"},
      {"queued.min.messages", std::to_string(kReadAheadRecords)},
      {"queued.max.messages.kbytes", std::to_string(queue)},
      {"fetch.message.max.bytes", std::to_string(fetch)},
      {"fetch.max.bytes", std::to_string(std::max<size_t>(prefetch_bytes / 2, 1 << 20))},
      {"topic.metadata.refresh.interval.ms", "30000"},
      {"socket.keepalive.enable", "true"}};
  // How long nothing is fetched after enough was read ahead: a second by default.
  if (!FetchNeedsNudge()) defaults["fetch.queue.backoff.ms"] = "5";
  return defaults;
}

// librdkafka takes no message limit above what is fetched at once, which is little here.
void AdmitLargeMessages(Properties& all) {
  const auto largest = all.find("message.max.bytes");
  if (largest == all.end()) return;
  const auto number = [](const base::Secret& text) {
    return std::strtoll(text.Reveal().c_str(), nullptr, 10);
  };
  base::Secret& fetched = all["fetch.max.bytes"];
  if (number(fetched) < number(largest->second)) fetched = largest->second;
}

// What makes "committed means done" true, and therefore nobody's to change.
Properties Managed(const std::string& group) {
  return {{"group.id", group},
          {"enable.auto.commit", "false"},
          {"enable.auto.offset.store", "false"},
          {"enable.partition.eof", "false"}};
}

Properties Complete(const Subscription& subscription, const Properties& properties) {
  Properties all = Managed(subscription.group);
  all.insert(properties.begin(), properties.end());
  const Properties defaults = Defaults(subscription.prefetch_bytes);
  all.insert(defaults.begin(), defaults.end());
  AdmitLargeMessages(all);
  return all;
}

}  // namespace

std::optional<std::string> TryConsumer(const Subscription& subscription,
                                       const Properties& properties) {
  Properties all = Complete(subscription, properties);
  for (const char* name : {"bootstrap.servers", "metadata.broker.list"}) all.erase(name);
  all["log_level"] = "0";  // it has no brokers, of which it would warn
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
  const ClientOwner& owner() const { return join_watch_.owner(); }
  void Say(base::LogLevel level, std::string_view message,
           const std::optional<std::string_view>& error = {}) const {
    Log().Log(level, message,
              {{"connector", owner().connector}, {"task", owner().task}, {"error", error}});
  }

  task::SourceEvent Poll(milliseconds timeout, size_t wanted_bytes);
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
  void StartCommit();
  void CloseQueues() {
    for (QueueHandle& records : records_queues_) {
      rd_kafka_queue_cb_event_enable(records.get(), nullptr, nullptr);
      records.reset();
    }
    queue_.reset();
  }
  task::SourceEvent Convert(EventHandle event);
  task::SourceEvent FinishAssignment();
  void ForwardRecords(const rd_kafka_topic_partition_list_t* list);
  void FollowLogs();
  task::Records TakeRecords(size_t wanted_bytes);
  ssize_t TakeInTurn(std::array<rd_kafka_message_t*, kBatch>& messages, size_t most);
  void Nudge();
  task::SourceEvent ConvertRebalance(EventHandle event);
  task::SourceEvent ConvertError(rd_kafka_resp_err_t code, const char* text);
  bool Cooperative() const {
    return std::string_view(rd_kafka_rebalance_protocol(handle_)) == "COOPERATIVE";
  }

  LogEnds::Watch* const log_ends_;  // may be null
  std::set<base::TopicPartition> assigned_;
  JoinWatch join_watch_;  // before the client, whose log it reads
  rd_kafka_t* handle_ = nullptr;
  QueueHandle queue_;
  // Where partitions put their records, dealt out among them, so that these can be left there while
  // the other queue is polled on: a pause would throw away what was fetched.
  std::array<QueueHandle, kQueues> records_queues_;
  size_t next_forward_ = 0;  // the queue of the next partition
  size_t next_queue_ = 0;    // whose turn it is
  const size_t prefetch_bytes_;
  size_t record_bytes_ = 1 << 20;  // of one, about
  size_t popped_ = 0;              // since the last nudge
  size_t popped_bytes_ = 0;
  std::chrono::steady_clock::time_point next_nudge_{};
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
    : log_ends_(log_ends),
      join_watch_(subscription.owner, properties),
      prefetch_bytes_(subscription.prefetch_bytes) {
  ConfHandle conf = MakeConfiguration(Complete(subscription, properties));
  join_watch_.Watch(conf.get());
  rd_kafka_conf_set_events(conf.get(), RD_KAFKA_EVENT_FETCH | RD_KAFKA_EVENT_ERROR |
                                           RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_OFFSET_COMMIT);
  handle_ = NewClient(RD_KAFKA_CONSUMER, std::move(conf));
  rd_kafka_poll_set_consumer(handle_);
  queue_.reset(rd_kafka_queue_get_consumer(handle_));
  for (QueueHandle& records : records_queues_) {
    records.reset(rd_kafka_queue_new(handle_));
    rd_kafka_queue_cb_event_enable(
        records.get(),
        [](rd_kafka_t*, void* queue) noexcept {
          rd_kafka_queue_yield(static_cast<rd_kafka_queue_t*>(queue));
        },
        queue_.get());
  }

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
  task::SourceError error{Classify(code), rd_kafka_err2name(code), text != nullptr ? text : ""};
  if (code == RD_KAFKA_RESP_ERR__FATAL) {
    std::array<char, 512> words{};
    error.code = rd_kafka_err2name(rd_kafka_fatal_error(handle_, words.data(), words.size()));
    error.text = words.data();
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
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    next_try_ = std::chrono::steady_clock::now() + kCommittedTimeout;
    return task::SourceError{
        Classify(code), rd_kafka_err2name(code),
        std::string("cannot read the committed offsets, trying on: ") + rd_kafka_err2str(code)};
  }
  const EventHandle assignment = std::move(assigning_);
  // librdkafka keeps a pause of ours across assignments, while the task starts with all flowing.
  // To be done before the assignment: afterwards it would throw away what was fetched meanwhile.
  rd_kafka_resume_partitions(handle_, list);
  ForwardRecords(list);
  std::string failure;
  if (Cooperative()) {
    const ErrorHandle failed(rd_kafka_incremental_assign(handle_, list));
    if (failed) failure = rd_kafka_error_string(failed.get());
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
  return task::Assigned{partitions, CommittedIn(list)};
}

// Librdkafka would tell what is assigned, but never answers once the client has closed.
void Consumer::Client::FollowLogs() {
  if (log_ends_ != nullptr) log_ends_->Follow({assigned_.begin(), assigned_.end()});
}

void Consumer::Client::ForwardRecords(const rd_kafka_topic_partition_list_t* list) {
  for (int i = 0; i < list->cnt; ++i) {
    const QueueHandle partition(
        rd_kafka_queue_get_partition(handle_, list->elems[i].topic, list->elems[i].partition));
    rd_kafka_queue_forward(partition.get(), records_queues_[next_forward_++ % kQueues].get());
  }
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

// From the next queue that has any.
ssize_t Consumer::Client::TakeInTurn(std::array<rd_kafka_message_t*, kBatch>& messages,
                                     size_t most) {
  for (size_t i = 0; i < kQueues; ++i) {
    rd_kafka_queue_t* queue = records_queues_[next_queue_++ % kQueues].get();
    if (rd_kafka_queue_length(queue) == 0) continue;
    const ssize_t count = rd_kafka_consume_batch_queue(queue, 0, messages.data(), most);
    if (count > 0) return count;
  }
  return 0;
}

// A batch is not asked for by its bytes; the next one is taken to be like the last.
task::Records Consumer::Client::TakeRecords(size_t wanted_bytes) {
  std::array<rd_kafka_message_t*, kBatch> messages;
  const size_t share = prefetch_bytes_ / kQueues;
  const size_t most =
      std::clamp<size_t>(std::min(share / 4, wanted_bytes) / record_bytes_, 1, kBatch);
  const ssize_t count = TakeInTurn(messages, most);
  task::Records records;
  if (count <= 0) return records;
  size_t held = 0;
  records.reserve(static_cast<size_t>(count));
  popped_ += static_cast<size_t>(count);
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    const MessageHandle message(messages[i]);
    popped_bytes_ += message->len + message->key_len;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      records.push_back(CopyRecord(message.get()));
      held += records.back().Bytes();
    } else {
      stashed_ = ConvertError(message->err, rd_kafka_message_errstr(message.get()));
    }
  }
  record_bytes_ = held / static_cast<size_t>(count) + 1;
  if (popped_bytes_ >= share / 2 || popped_ >= kReadAheadRecords / 2) Nudge();
  return records;
}

// Asks for something small of the brokers that lead our partitions, which makes their threads look
// whether there is room to fetch again.
void Consumer::Client::Nudge() {
  popped_ = 0;
  popped_bytes_ = 0;
  if (!FetchNeedsNudge()) return;
  rd_kafka_topic_partition_list_t* assigned = nullptr;
  if (rd_kafka_assignment(handle_, &assigned) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
  const PartitionListHandle list(assigned);
  for (int i = 0; i < list->cnt; ++i) list->elems[i].offset = RD_KAFKA_OFFSET_END;
  // What it answers is of no interest; a broker that does not is not waited for each time.
  const auto now = std::chrono::steady_clock::now();
  if (now < next_nudge_) return;
  const auto code =
      rd_kafka_offsets_for_times(handle_, list.get(), static_cast<int>(kNudgeTimeout.count()));
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) next_nudge_ = now + kNudgePause;
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
  const ErrorHandle failed(rd_kafka_sasl_set_credentials(
      client_->handle(), credentials.username.c_str(), credentials.password.c_str()));
  if (failed) {
    client_->Say(LogLevel::kError, "cannot renew the credentials",
                 rd_kafka_error_string(failed.get()));
  }
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
