#include "kafka/consumer.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "kafka/client_log.h"
#include "kafka/consumer_client.h"
#include "kafka/consumer_properties.h"
#include "kafka/conversions.h"
#include "kafka/workarounds/client_destruction.h"

namespace khs::kafka {
namespace {

using base::LogLevel;
using std::chrono::milliseconds;

constexpr milliseconds kDestroyTimeout{2'000};

}  // namespace

std::optional<std::string> TryConsumer(const Subscription& subscription,
                                       const Properties& properties) {
  Properties all = ConsumerProperties(subscription, properties);
  for (const char* name : {"bootstrap.servers", "metadata.broker.list"}) all.erase(name);
  all["log_level"] = "0";  // librdkafka would warn that there are no brokers
  if (auto problem = ValidateHeartbeat(all)) return problem;
  return TryClient(all, subscription.owner);
}

Consumer::Consumer(const Subscription& subscription, const Properties& properties,
                   std::unique_ptr<LogEndOffsets::Watch> log_end_offsets,
                   std::shared_ptr<GroupHistory> history)
    : log_end_offsets_(std::move(log_end_offsets)),
      client_(std::make_unique<Client>(
          subscription, properties, log_end_offsets_.get(),
          history ? std::move(history) : std::make_shared<GroupHistory>())) {}

Consumer::~Consumer() {
  const ClientOwner owner = client_->owner();
  Client* const client = client_.release();
  if (must_leak_client_) {
    CountLeakedClient();
    Log().Warn("the Kafka client is not destroyed because librdkafka would abort",
               {{"connector", owner.connector},
                {"task", owner.task},
                {"librdkafka", rd_kafka_version_str()}});
    return;
  }
  const milliseconds timeout = leave_timed_out_ ? milliseconds(0) : kDestroyTimeout;
  DestroyWithin(
      timeout, [client] { delete client; }, owner);
}

int Consumer::CountUndestroyed() { return CountUndestroyedClients(); }

task::SourceEvent Consumer::Poll(milliseconds timeout, size_t wanted_bytes) {
  return client_->Poll(timeout, wanted_bytes);
}

void Consumer::Wake() noexcept { rd_kafka_queue_yield(client_->queue()); }

void Consumer::Pause(const task::Partitions& partitions) {
  const auto code = rd_kafka_pause_partitions(client_->handle(), ToList(partitions).get());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    client_->WriteLog(LogLevel::kError, "cannot pause partitions", rd_kafka_err2str(code));
  }
}

void Consumer::Resume(const task::Partitions& partitions) { client_->Resume(partitions); }

void Consumer::Commit(const task::Positions& positions) { client_->committer().Commit(positions); }

task::Committed Consumer::CommitAndWait(task::Positions positions, milliseconds timeout) {
  return client_->committer().CommitAndWait(std::move(positions), timeout);
}

std::optional<int64_t> Consumer::LogEnd(const base::TopicPartition& partition) const {
  return log_end_offsets_ ? log_end_offsets_->EndOffset(partition) : std::nullopt;
}

void Consumer::Renew(const task::Credentials& credentials) {
  if (log_end_offsets_) log_end_offsets_->Renew(credentials);
  client_->Renew(credentials);
}

void Consumer::CompleteRevoke() { client_->CompleteRevoke(); }

void Consumer::Leave(milliseconds timeout) {
  client_->BeginLeaving();
  client_->CompleteRevoke();
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (client_->MustNotLeaveYet() && std::chrono::steady_clock::now() < deadline) {
    (void)Poll(milliseconds(50), 0);
    client_->BeginLeaving();
  }
  must_leak_client_ = client_->MustNotLeaveYet();
  leave_timed_out_ = true;
  const ErrorHandle failed(rd_kafka_consumer_close_queue(client_->handle(), client_->queue()));
  if (failed) {
    client_->WriteLog(LogLevel::kWarn, "cannot leave the group",
                      rd_kafka_error_string(failed.get()));
    return;
  }
  // Closing causes a last revoke event, and waits for its answer.
  while (rd_kafka_consumer_closed(client_->handle()) == 0) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) {
      client_->WriteLog(
          LogLevel::kWarn,
          "leaving the group timed out, the broker will expire this member's session");
      return;
    }
    const task::SourceEvent event = Poll(std::min(left, milliseconds(50)), 0);
    if (std::holds_alternative<task::Revoked>(event)) client_->CompleteRevoke();
    client_->BeginLeaving();
  }
  leave_timed_out_ = false;
}

}  // namespace khs::kafka
