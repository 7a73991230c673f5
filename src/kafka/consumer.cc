#include "kafka/consumer.h"

#include <algorithm>
#include <utility>

#include "kafka/client_log.h"
#include "kafka/configuration.h"
#include "kafka/consumer_client.h"
#include "kafka/consumer_properties.h"
#include "kafka/conversions.h"
#include "kafka/workarounds/client_destruction.h"

namespace khs::kafka {
namespace {

using base::LogLevel;
using std::chrono::milliseconds;

constexpr milliseconds kDestroyTimeout{2'000};
// How long a step of leaving waits for an event. No event says that the member has left its group.
constexpr milliseconds kLeaveStep{10};

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
  StopTokens(client->handle());  // whether it can be destroyed or not
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

// Leaves first and closes then, because an answer to an event could block for ever while the client
// closes (see workarounds/rebalance_monitor.h).
void Consumer::Leave(milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  const auto step = [&] {
    const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
    return std::clamp(left, milliseconds(0), kLeaveStep);
  };
  leave_timed_out_ = true;
  bool left_group = client_->LeaveGroup(step());
  while (!left_group && step().count() > 0) left_group = client_->LeaveGroup(step());
  must_leak_client_ = client_->MustLeak(left_group);
  if (left_group) {
    const std::string failed = client_->Close();
    if (!failed.empty()) {
      client_->WriteLog(LogLevel::kWarn, "cannot leave the group", failed);
      return;
    }
    while (leave_timed_out_ && step().count() > 0) leave_timed_out_ = !client_->AwaitClosed(step());
  }
  if (leave_timed_out_) {
    client_->WriteLog(LogLevel::kWarn,
                      "leaving the group timed out, the broker will expire this member's session");
  }
}

}  // namespace khs::kafka
