#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kafka/log_end_offsets.h"
#include "kafka/properties.h"
#include "task/record_source.h"

namespace khs::kafka {

class GroupHistory;

// What a consumer reads, and as a member of which group.
struct Subscription {
  std::vector<std::string> topics;
  std::string topics_regex;  // POSIX extended, for whole names; used when there are no topics
  std::string group;
  std::vector<std::string> excluded_topics = {};  // names that topics_regex does not match
  // About how much librdkafka reads ahead for all partitions; an eighth of it for one partition.
  size_t prefetch_bytes = 4u << 20;
  ClientOwner owner = {};
};

// Creates a client like a Consumer's and destroys it, without any network. Finds properties that do
// not fit together and files that cannot be loaded. Returns the error message, or nothing.
std::optional<std::string> TryConsumer(const Subscription& subscription,
                                       const Properties& properties);

// A member of a consumer group, which reads records for a task and commits its offsets. The task
// owns it, and its poll thread uses it. librdkafka's event queue is used and not its callbacks, so
// everything that happens is returned by Poll on that thread.
class Consumer final : public task::RecordSource {
 public:
  // Joins the group in the background. Throws std::runtime_error with librdkafka's message when no
  // client can be created with the properties, which are the process's, overridden by the
  // connector's. Without `log_end_offsets` LogEnd returns nothing. `history` is shared by the
  // group's consumers in this process; when it is null, the consumer has its own.
  Consumer(const Subscription& subscription, const Properties& properties,
           std::unique_ptr<LogEndOffsets::Watch> log_end_offsets = nullptr,
           std::shared_ptr<GroupHistory> history = nullptr);
  // Waits at most 2 s for the client to be destroyed, and not at all after a Leave that timed out.
  // The destruction then goes on in the background.
  ~Consumer() override;

  // How many clients of all consumers are still being destroyed. While there are any, the process
  // must end without waiting for threads (std::_Exit). Any thread.
  static int CountUndestroyed();

  task::SourceEvent Poll(std::chrono::milliseconds timeout, size_t wanted_bytes) override;
  void Wake() noexcept override;
  void Pause(const task::Partitions& partitions) override;
  void Resume(const task::Partitions& partitions) override;
  void Commit(const task::Positions& positions) override;
  task::Committed CommitAndWait(task::Positions positions,
                                std::chrono::milliseconds timeout) override;
  void Renew(const task::Credentials& credentials) override;
  std::optional<int64_t> LogEnd(const base::TopicPartition& partition) const override;
  void CompleteRevoke() override;
  void Leave(std::chrono::milliseconds timeout) override;

 private:
  class Client;
  const std::unique_ptr<LogEndOffsets::Watch> log_end_offsets_;
  std::unique_ptr<Client> client_;
  bool leave_timed_out_ = false;
  bool must_leak_client_ = false;  // see workarounds/early_leave.h
};

}  // namespace khs::kafka
