#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.h"
#include "delivery/policy.h"
#include "metrics/connector_metrics.h"
#include "task/dispatcher.h"
#include "task/endpoint.h"
#include "task/record_source.h"

namespace khs::task {

struct LoopEnd;

// The lifecycle of a task's threads. connect::RunState, which is shown, follows from it and from the
// other tasks: one task that stops at a record makes all of them FAILED.
enum class TaskState {
  kJoining,  // no assignment yet
  kRunning,
  kPaused,    // as it was asked to: nothing is in flight, whether or not there is an assignment
  kStopping,  // at a record: finishing what is in flight
  kFailed,    // ended at a record or by a fault; `trace` says why
  kEnded,     // ended because it was asked to
};

struct TaskStatus {
  TaskState state = TaskState::kJoining;
  std::string trace = {};  // of a failed task
  // Of a failed task, and of one that is stopping: a record stops it, by the connector's strategy
  // or because its dead letter is refused for good.
  bool by_strategy = false;
  bool cut_off = false;    // it ended before all that was taken was finished and committed
  bool overtaken = false;  // new terms came after it had decided to stop
  std::string broker_problem =
      {};  // why the brokers can't be reached at present; empty when they can
  // Why a record waits for its dead letter to be accepted; empty when none does.
  std::string dead_letter_problem = {};

  bool operator==(const TaskStatus&) const = default;
};

// Makes a task's consumer, on its poll thread; throws std::exception when it cannot be made.
using SourceFactory = std::function<std::unique_ptr<RecordSource>()>;

// What a task works by, and what may change while it does.
struct TaskTerms {
  delivery::Policy policy;
  Route route;
  std::chrono::milliseconds offset_flush_interval{1000};
  SourceFactory make_source;
  std::optional<Credentials> credentials;         // none: as the source was made
  std::shared_ptr<DeadLetterQueue> dead_letters;  // may be null
  // As a change: what waits for a retry is attempted at once.
  bool attempt_anew = true;
  std::function<void()> on_missing_indicator = {};  // see DeliveryTerms
};

// One member of a connector's consumer group: a poll thread that makes every call to the consumer
// and never waits for a delivery, and the dispatcher's delivery thread.
class Task {
 public:
  // Begins paused when it is told to. `on_change` is called from the poll thread whenever the
  // status changed; it must only enqueue. What is passed by reference outlives the task.
  Task(TaskIdentity identity, TaskTerms terms, std::unique_ptr<Endpoint> endpoint,
       const base::Clock& clock, metrics::ConnectorMetrics& metrics,
       std::function<void()> on_change, bool paused = false);
  // Asks for an end with no grace, unless RequestStop came before, and waits for it.
  ~Task();
  // Takes no further record, finishes what is in flight within most of `grace`, commits and leaves
  // the group. Of several calls the earliest end counts. Any thread.
  void RequestStop(std::chrono::milliseconds grace);
  // Goes on under other terms without leaving the group, from the next attempt on; records that
  // wait for one get it at once. The ordering and the bound of what is held must be the same. Any
  // thread.
  void Reconfigure(TaskTerms terms);
  // Paused, it takes nothing for an attempt, lets its partitions rest, and stays in its group. What
  // is on its way finishes, to the endpoint or the dead letter queue; as soon as nothing is, the
  // state is kPaused and a commit begins. A record that waits goes on waiting for its old time, and
  // is not attempted before the pause is over. Of no effect once the task stops. Any thread.
  void SetPaused(bool paused);

  // Any thread.
  TaskStatus status() const;

 private:
  class Announced;
  class Loop;
  struct StopRequest {
    base::MonotonicTime deadline;
    std::chrono::milliseconds grace;  // of which the deadline is the end
  };

  void Run();
  LoopEnd RunSource();
  bool Rest(std::chrono::milliseconds backoff);
  std::optional<StopRequest> stop_request() const;
  void SetStatus(const std::function<void(TaskStatus&)>& change);

  bool AdoptTerms();
  bool paused() const;

  const TaskIdentity identity_;
  TaskTerms terms_;  // the poll thread's alone
  const std::unique_ptr<Endpoint> endpoint_;
  const base::Clock& clock_;
  metrics::ConnectorMetrics& metrics_;
  const std::function<void()> on_change_;

  mutable std::mutex mutex_;  // guards what follows, up to the thread
  TaskStatus status_;
  std::optional<StopRequest> stop_request_;
  std::optional<TaskTerms> new_terms_;  // to be adopted
  bool paused_;
  std::condition_variable asked_;   // to stop, or about the pause
  RecordSource* source_ = nullptr;  // to be woken; owned by the loop
  std::jthread thread_;             // last: it uses all of the above
};

}  // namespace khs::task
