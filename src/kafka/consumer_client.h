#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/log.h"
#include "kafka/assignment.h"
#include "kafka/consumer.h"
#include "kafka/group_memory.h"
#include "kafka/guarded_commits.h"
#include "kafka/handles.h"
#include "kafka/join_watch.h"
#include "kafka/log_ends.h"
#include "kafka/record_queues.h"
#include "kafka/start_resolver.h"
#include "task/record_source.h"

namespace khs::kafka {

// The librdkafka client of a Consumer, with what is known of its assignment. The task's poll thread
// alone.
class Consumer::Client {
 public:
  // `log_ends` may be null. Throws as Consumer.
  Client(const Subscription& subscription, const Properties& properties, LogEnds::Watch* log_ends,
         std::shared_ptr<GroupMemory> memory);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  rd_kafka_t* handle() const { return handle_; }
  rd_kafka_queue_t* queue() const { return queue_.get(); }
  const ClientOwner& owner() const { return join_watch_.voice().owner; }
  void Say(base::LogLevel level, std::string_view message,
           const std::optional<std::string_view>& error = {}) const;

  task::SourceEvent Poll(std::chrono::milliseconds timeout, size_t wanted_bytes);
  void Resume(const task::Partitions& partitions);
  void Renew(const task::Credentials& credentials);
  void CompleteRevoke();
  // The member leaves: an assignment that is not finished is answered with none, and nothing is
  // asked of the brokers any more.
  void GiveUpAssignment();
  GuardedCommits& commits() { return *commits_; }

  // librdkafka before 2.3 aborts the process when a cooperative member that the group is taking in
  // is destroyed before its first assignment (its issue 4312). Not to be asked of a closed client.
  bool AbortsAtItsEnd() const {
    return rd_kafka_version() < 0x02030000 && !was_assigned_ && assignment_->cooperative();
  }

 private:
  using Time = std::chrono::steady_clock::time_point;

  std::string Redacted(std::string_view words) const {
    return join_watch_.voice().redactor.Redact(words);
  }
  void Subscribe(const Subscription& subscription);
  void CloseQueues();
  task::SourceEvent Convert(EventHandle event);
  task::SourceEvent ConvertError(rd_kafka_resp_err_t code, const char* text);
  task::SourceEvent ConvertRebalance(EventHandle event);
  task::SourceEvent FinishAssignment();
  bool IsObsolete() const;
  // Others may have the partitions by now.
  bool IsLost() const {
    return is_given_up_ || rd_kafka_assignment_lost(handle_) != 0 || IsObsolete();
  }
  task::SourceEvent GiveUp();
  // Nothing when the text is empty.
  std::optional<task::SourceEvent> Failure(const std::string& text) const;
  // The next event that is due without asking librdkafka.
  std::optional<task::SourceEvent> TakeDue(Time now);
  void CheckInTurn(Time now);
  task::Records TakeRecords(size_t wanted_bytes);
  void NoteError(const RecordQueues::Error& error);
  void NoteStray(rd_kafka_event_t* event);
  void NoteStuck(const base::TopicPartition& partition);
  std::optional<task::SourceEvent> SettleDoubts();
  std::optional<task::SourceEvent> Damage(const task::Losses& losses) const;
  // They are no longer assigned.
  void Forget(const task::Partitions& partitions);
  void FollowLogs();

  LogEnds::Watch* const log_ends_;  // may be null
  Properties properties_;           // for further clients
  std::set<std::string> topics_;    // that were assigned at any time
  JoinWatch join_watch_;            // before the client, whose log it reads
  rd_kafka_t* handle_ = nullptr;
  QueueHandle queue_;
  // Apart from the other queue, which is polled on while records are left where they are: a pause
  // would throw away what was fetched.
  std::optional<RecordQueues> records_;
  std::optional<Assignment> assignment_;
  std::optional<StartResolver> resolver_;
  std::optional<GuardedCommits> commits_;
  bool leaving_ = false;
  bool was_assigned_ = false;                 // ever, were it nothing
  std::optional<task::SourceEvent> stashed_;  // for the next poll
  EventHandle assigning_;     // the assignment whose start offsets are not known yet
  unsigned joins_ = 0;        // when that came
  Time next_try_;             // to learn them
  EventHandle revoking_;      // the revocation that waits for CompleteRevoke
  bool is_given_up_ = false;  // likewise, but there is no revocation: it is obsolete
  // Partitions that librdkafka does not read from where they stand until they are assigned anew.
  std::set<base::TopicPartition> stuck_;
  Time next_look_;   // at the doubtful partitions
  Time next_check_;  // whether all commits are still there
};

}  // namespace khs::kafka
