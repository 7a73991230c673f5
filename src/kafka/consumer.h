#pragma once

#include <memory>
#include <optional>
#include <string>

#include "kafka/log_ends.h"
#include "kafka/properties.h"
#include "task/record_source.h"

namespace khs::kafka {

class GroupMemory;

struct Subscription {
  std::vector<std::string> topics;
  std::string topics_regex;  // POSIX extended, matches whole names; when there are no topics
  std::string group;
  std::vector<std::string> excluded_topics = {};  // names that topics_regex does not match
  // Of what librdkafka reads ahead of many partitions, about; of one it is an eighth.
  size_t prefetch_bytes = 4u << 20;
  ClientOwner owner = {};
};

// Makes a client as a Consumer would and ends it again, without any network: finds what only shows
// when properties are taken together, and files that can't be loaded. The message, or nothing.
std::optional<std::string> TryConsumer(const Subscription& subscription,
                                       const Properties& properties);

// A librdkafka consumer as a task's source of records. Offsets are committed by hand; everything
// that happens arrives through Poll, on the task's poll thread, because librdkafka's event queue is
// used and not its callbacks.
class Consumer final : public task::RecordSource {
 public:
  // Joins the group in the background. Throws std::runtime_error with librdkafka's words when the
  // properties (of the process, overridden by those of the connector) make no client. `log_ends`
  // may be null: then LogEnd knows nothing. `memory` is shared by the group's consumers of this
  // process; null: a memory of its own.
  Consumer(const Subscription& subscription, const Properties& properties,
           std::unique_ptr<LogEnds::Watch> log_ends = nullptr,
           std::shared_ptr<GroupMemory> memory = nullptr);
  // Never waits for a broker: a client whose Leave was not answered, or that has not ended after
  // two seconds, ends on a thread of its own.
  ~Consumer() override;

  // Such clients that have not ended, of all consumers. While there are any, the process must end
  // without waiting for threads (std::_Exit). Any thread.
  static int LeftBehind();

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
  const std::unique_ptr<LogEnds::Watch> log_ends_;
  std::unique_ptr<Client> client_;
  bool left_unanswered_ = false;
  bool must_stay_ = false;  // it is never destroyed
};

}  // namespace khs::kafka
