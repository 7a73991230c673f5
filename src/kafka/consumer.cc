#include "kafka/consumer.h"

#include <atomic>
#include <future>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include "kafka/client_log.h"
#include "kafka/consumer_client.h"
#include "kafka/consumer_properties.h"
#include "kafka/conversions.h"

namespace khs::kafka {
namespace {

using base::LogLevel;
using std::chrono::milliseconds;

// For a client that has left its group to end.
constexpr std::chrono::seconds kEndWithin{2};

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

Consumer::Consumer(const Subscription& subscription, const Properties& properties,
                   std::unique_ptr<LogEnds::Watch> log_ends, std::shared_ptr<GroupMemory> memory)
    : log_ends_(std::move(log_ends)),
      client_(
          std::make_unique<Client>(subscription, properties, log_ends_.get(),
                                   memory ? std::move(memory) : std::make_shared<GroupMemory>())) {}

// rd_kafka_destroy waits for requests that nobody answers, longer than any grace; and forever,
// before 2.6.1, for a partition that was deleted while it was read (librdkafka's issue 4724).
Consumer::~Consumer() {
  const std::optional<std::string> connector = client_->owner().connector;
  const std::optional<int> task = client_->owner().task;
  ++left_behind;
  if (must_stay_) {
    Log().Warn("the client is left behind, because librdkafka would not survive its end",
               {{"connector", connector}, {"task", task}, {"librdkafka", rd_kafka_version_str()}});
    (void)client_.release();
    return;
  }
  Client* const client = client_.release();
  try {
    std::packaged_task<void()> end([client] {
      delete client;
      --left_behind;
    });
    const std::future<void> ended = end.get_future();
    std::thread thread(std::move(end));
    const auto patience = left_unanswered_ ? std::chrono::seconds(0) : kEndWithin;
    if (ended.wait_for(patience) == std::future_status::ready) {
      thread.join();
      return;
    }
    thread.detach();
    if (left_unanswered_) return;
    Log().Warn("the client does not end and is left behind",
               {{"connector", connector}, {"task", task}, {"librdkafka", rd_kafka_version_str()}});
  } catch (const std::system_error& error) {
    Log().Warn("the client is left behind",
               {{"connector", connector}, {"task", task}, {"error", error.what()}});
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

void Consumer::Resume(const task::Partitions& partitions) { client_->Resume(partitions); }

void Consumer::Commit(const task::Positions& positions) { client_->commits().Commit(positions); }

task::Committed Consumer::CommitAndWait(task::Positions positions, milliseconds timeout) {
  return client_->commits().CommitAndWait(std::move(positions), timeout);
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
