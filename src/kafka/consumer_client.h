#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/log.h"
#include "kafka/assignment.h"
#include "kafka/consumer.h"
#include "kafka/group_history.h"
#include "kafka/handles.h"
#include "kafka/log_end_offsets.h"
#include "kafka/offset_committer.h"
#include "kafka/position_recovery.h"
#include "kafka/record_queues.h"
#include "kafka/start_resolver.h"
#include "kafka/workarounds/early_leave.h"
#include "kafka/workarounds/fetch_nudge.h"
#include "kafka/workarounds/rebalance_monitor.h"
#include "kafka/workarounds/recreated_topic.h"
#include "task/record_source.h"

namespace khs::kafka {

// The librdkafka client of a Consumer. Turns librdkafka's events into the task's, and answers
// rebalances (assignment.h draws them). Owned by the Consumer and used by the task's poll thread.
class Consumer::Client {
 public:
  // `log_end_offsets` may be null. Throws as Consumer.
  Client(const Subscription& subscription, const Properties& properties,
         LogEndOffsets::Watch* log_end_offsets, std::shared_ptr<GroupHistory> history);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  rd_kafka_t* handle() const { return handle_; }
  rd_kafka_queue_t* queue() const { return queue_.get(); }
  const ClientOwner& owner() const { return monitor_.log_context().owner; }
  // Logs a message with the owner's fields. The error is redacted.
  void WriteLog(base::LogLevel level, std::string_view message,
                const std::optional<std::string_view>& error = {}) const;

  task::SourceEvent Poll(std::chrono::milliseconds timeout, size_t wanted_bytes);
  void Resume(const task::Partitions& partitions);
  void Renew(const task::Credentials& credentials);
  void CompleteRevoke();
  OffsetCommitter& committer() { return *committer_; }

  // Takes the member a step out of its group, for at most `timeout`: answers what librdkafka asks,
  // an assignment with an empty one, and asks the brokers nothing. To be repeated until it returns
  // true. Nothing else may be called from then on but the following.
  bool LeaveGroup(std::chrono::milliseconds timeout);
  // Whether destroying the client could abort the process; `has_left` is what LeaveGroup returned
  // last. Must not be called once the client is closing.
  bool MustLeak(bool has_left) const;
  // Begins to close the client. Returns librdkafka's error text, empty when there is none.
  std::string Close();
  // Waits for at most `timeout` while the client closes. Returns whether it is closed.
  bool AwaitClosed(std::chrono::milliseconds timeout);

 private:
  using Time = std::chrono::steady_clock::time_point;

  std::string Redacted(std::string_view text) const {
    return monitor_.log_context().redactor.Redact(text);
  }
  void Subscribe(const Subscription& subscription);
  void StartTokensOrDestroy(const Properties& properties);
  void Destroy();
  void CloseQueues();
  task::SourceEvent Convert(EventHandle event);
  task::SourceEvent ConvertError(rd_kafka_resp_err_t code, const char* text);
  task::SourceEvent ConvertRebalance(EventHandle event);
  task::SourceEvent ConvertRevoke(EventHandle event);
  task::SourceEvent FinishAssignment();
  bool HasRejoined() const;
  // Costs nothing, but may miss a join that is about to begin, and counts cooperative members, too.
  bool MayHaveRejoined() const {
    return monitor_.joining() || monitor_.join_count() != join_count_;
  }
  // Other members may own the partitions by now.
  bool IsLost() const {
    return reported_lost_ || rd_kafka_assignment_lost(handle_) != 0 || HasRejoined();
  }
  task::SourceEvent ReportLost();
  bool IsOutsideGroup();
  // The next event that does not come from librdkafka.
  std::optional<task::SourceEvent> TakeDueEvent(Time now);
  task::Records TakeRecords(size_t wanted_bytes);
  void OnStrayRecords(rd_kafka_event_t* event);
  // The partitions are no longer assigned.
  void Forget(const task::Partitions& partitions);
  void WatchLogEndOffsets();

  LogEndOffsets::Watch* const log_end_offsets_;  // may be null
  Properties properties_;                        // for the clients that ask for the group's commits
  bool may_be_cooperative_ = false;              // by its configuration
  RebalanceMonitor monitor_;                     // before handle_, which logs to it
  rd_kafka_t* handle_ = nullptr;
  QueueHandle queue_;  // of events
  // Apart from the events, which are polled while records wait: pausing partitions would discard
  // what was fetched.
  std::optional<RecordQueues> records_;
  std::optional<FetchNudge> fetch_nudge_;
  std::optional<Assignment> assignment_;
  std::optional<StartResolver> resolver_;
  std::optional<OffsetCommitter> committer_;
  RecreatedTopics recreated_;
  std::optional<PositionRecovery> recovery_;
  bool leaving_ = false;
  bool was_assigned_ = false;                 // at any time, even an empty assignment
  std::optional<task::SourceEvent> stashed_;  // for the next poll
  EventHandle assigning_;                     // an assign event without start offsets yet
  unsigned join_count_ = 0;                   // when that event came
  Time next_try_;                             // to find the start offsets
  EventHandle revoking_;                      // a revoke event that waits for CompleteRevoke
  bool reported_lost_ = false;  // without a revoke event; waits for CompleteRevoke too
};

}  // namespace khs::kafka
