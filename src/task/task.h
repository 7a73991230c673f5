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
#include "metrics/connector_metrics.h"
#include "task/delivery_settings.h"
#include "task/dispatcher.h"
#include "task/endpoint.h"
#include "task/record_source.h"

namespace khs::task {

struct LoopEnd;

// The lifecycle of a task's threads. connect::RunState, which is shown, follows from it and from
// the other tasks: one task that stops at a record makes all of them FAILED.
enum class TaskState {
  kJoining,  // no assignment yet
  kRunning,
  kPaused,    // by SetPaused, and nothing is in flight; with or without an assignment
  kStopping,  // at a record: attempts in flight are finishing
  kFailed,    // ended at a record or after a fault; `trace` says why
  kEnded,     // ended by RequestStop
};

// A task's state for the reconciler.
struct TaskStatus {
  TaskState state = TaskState::kJoining;
  std::string trace = {};  // of a failed task
  // The task is stopping or failed because of a record: by the connector's strategy, or because its
  // dead letter was refused permanently.
  bool by_strategy = false;
  bool cut_off = false;             // it ended before all taken records were finished and committed
  bool overtaken = false;           // new settings came after it had decided to stop
  std::string broker_problem = {};  // why no broker is reachable; empty when one is
  // Why the dead letter queue does not accept a record; empty when none waits for that.
  std::string dead_letter_problem = {};

  bool operator==(const TaskStatus&) const = default;
};

// Makes a task's consumer, on its poll thread; throws std::exception on failure.
using SourceFactory = std::function<std::unique_ptr<RecordSource>()>;

// What a task needs of its connector's definition; may change while the task runs.
struct TaskSettings {
  // When a change brings another object, records that wait for a retry are attempted at once.
  std::shared_ptr<const DeliverySettings> delivery;
  std::chrono::milliseconds offset_flush_interval{1000};
  SourceFactory make_source;
  std::optional<Credentials> credentials = {};  // none: those with which the source was made
};

// One member of a connector's consumer group. Its poll thread makes every call to the consumer and
// never waits for a delivery; the dispatcher's delivery thread does all HTTP. Owned by the
// connector, whose thread calls it.
class Task {
 public:
  // `on_change` is called from the poll thread, and from Reconfigure, whenever the status changed;
  // it must only enqueue. What is passed by reference outlives the task.
  Task(TaskIdentity identity, TaskSettings settings, std::unique_ptr<Endpoint> endpoint,
       const base::Clock& clock, metrics::ConnectorMetrics& metrics,
       std::function<void()> on_change, bool paused = false);
  // Stops without grace, unless RequestStop was called before, and waits for the end.
  ~Task();
  // Takes no further record, waits for attempts in flight for most of `grace`, commits and leaves
  // the group. Of several calls the earliest deadline counts. Any thread.
  void RequestStop(std::chrono::milliseconds grace);
  // Uses other settings from the next attempt on, without leaving the group. Their ordering and
  // queue bound must be the same. Any thread.
  void Reconfigure(TaskSettings settings);
  // Paused, the task stays in its group, begins no attempt and pauses its partitions. Attempts and
  // dead letters in flight finish; then the state is kPaused and a commit begins. Records keep
  // their due times. Has no effect once the task stops. Any thread.
  void SetPaused(bool paused);

  // Any thread.
  TaskStatus status() const;

 private:
  class RegisteredSource;
  class Loop;
  class Report;
  struct StopRequest {
    base::MonotonicTime deadline;
    std::chrono::milliseconds grace;  // until the deadline
  };

  void Run();
  LoopEnd RunSource();
  bool BackOff(std::chrono::milliseconds delay);
  std::optional<StopRequest> stop_request() const;
  void SetStatus(const std::function<void(TaskStatus&)>& change);

  std::optional<TaskSettings> TakeNewSettings();
  bool paused() const;

  const TaskIdentity identity_;
  TaskSettings settings_;  // only the poll thread uses them
  const std::unique_ptr<Endpoint> endpoint_;
  const base::Clock& clock_;
  metrics::ConnectorMetrics& metrics_;
  const std::function<void()> on_change_;

  mutable std::mutex mutex_;  // guards what follows, up to the thread
  TaskStatus status_;
  std::optional<StopRequest> stop_request_;
  std::optional<TaskSettings> new_settings_;  // until the poll thread takes them
  bool paused_;
  std::condition_variable requested_;  // a stop, or a change of the pause
  RecordSource* source_ = nullptr;     // to be woken; owned by the loop
  std::jthread thread_;                // last: it uses all of the above
};

}  // namespace khs::task
