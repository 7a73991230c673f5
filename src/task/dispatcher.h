#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "delivery/decision.h"
#include "metrics/connector_metrics.h"
#include "task/dead_letter_queue.h"
#include "task/delivery_report.h"
#include "task/delivery_settings.h"
#include "task/endpoint.h"
#include "task/lanes.h"
#include "task/record_source.h"

namespace khs::task {

// The record at which a task stopped, and why.
struct StopPoint {
  base::TopicPartition topic_partition;
  int64_t offset = 0;
  int attempts = 0;
  std::string why;
};

// A task's delivery thread and the lanes that it takes records from. Runs as many attempts at once
// as the policy allows and decides what follows each. Only the delivery thread touches the lanes.
// The poll thread sends it events through a mailbox, which are handled in order, and reads what it
// publishes. Owned by the poll loop; the poll thread calls the public functions. It has many fields
// because the two threads meet here and nowhere else: they are grouped by the thread that uses
// them.
class Dispatcher {
 public:
  // What the lanes hold.
  struct Held {
    long records = 0;
    long bytes = 0;
    long waiting_retry = 0;
  };

  // `wake_poller` is called from other threads when the poll thread has something to do; it must
  // not block. What is passed by reference outlives the dispatcher.
  Dispatcher(const TaskIdentity& identity, std::shared_ptr<const DeliverySettings> settings,
             Endpoint& endpoint, const base::Clock& clock, metrics::ConnectorMetrics& metrics,
             std::function<void()> wake_poller);
  // Waits for the attempts in flight; Endpoint::Abort ends them early.
  ~Dispatcher();

  // Sends an event: the delivery thread calls the function on the lanes.
  void Send(std::function<void(Lanes&)> event);
  // Has the delivery thread call a function on the lanes, and waits for the result.
  template <class Function>
  auto Ask(Function&& function) {
    std::optional<decltype(function(lanes_))> result;
    bool done = false;
    Send([&](Lanes& lanes) {
      result = function(lanes);
      const std::lock_guard lock(mutex_);
      done = true;
      answered_.notify_all();
    });
    std::unique_lock lock(mutex_);
    answered_.wait(lock, [&done] { return done; });
    return std::move(*result);
  }
  // Sends records for the lanes. The delivery thread calls `on_started_over` for each at which its
  // partition's offsets went back.
  void Add(Records records, const base::Now& now,
           std::function<void(const Position&)> on_started_over);

  // How many bytes should be read now. Once it is more than none again, the poll thread is woken.
  size_t WantedBytes();
  // The partitions that must not flow, if that may have changed since the last call. An assigned
  // one flows at first.
  std::optional<Partitions> TakePausedPartitions();
  Held held();

  // Uses other settings, of the same ordering and queue bound, from the next attempt on. Abandons
  // the previous dead letter queue when they name another one.
  void Reconfigure(std::shared_ptr<const DeliverySettings> settings);

  // Whether every finished job wakes the poll thread.
  void WakePollerOnFinish(bool always);

  std::optional<StopPoint> stop_point();
  // Why the dead letter queue does not accept a record that waits for it; empty when none waits.
  std::string dead_letter_problem();

 private:
  // A record in a slot of the endpoint.
  struct Attempt {
    JobPtr job;
    base::MonotonicTime start;
    int headers_left_out = 0;       // of the request
    bool settings_changed = false;  // since it began
  };
  // What a decision follows: the last answer, or the fault of the record.
  struct Cause {
    std::optional<int> http_status = {};
    std::optional<std::string> text = {};
  };
  struct DeadLetterResult {
    JobPtr job;
    std::optional<DeadLetterFailure> failure;
  };

  void Run();
  void Send(std::function<void()> event, size_t bytes);
  void WakeIfWaiting();
  void HandleEvents();
  void HandleDeadLetterResults();
  void CancelFenced();
  bool Publish();
  void ApplySettings(std::shared_ptr<const DeliverySettings> settings);
  void AddSlots();
  size_t FreeSlots() const;
  void BeginAttempt(JobPtr job);
  static Cause CauseOf(const delivery::Reply& reply);
  void OnAttemptDone(Endpoint::Ended ended);
  void OnDecision(JobPtr job, delivery::Decision decision, const Cause& cause);
  void FinishJob(JobPtr job, const delivery::Decision& decision);
  void SendToDeadLetterQueue(JobPtr job);
  void OnDeadLetterDone(JobPtr job, const std::optional<DeadLetterFailure>& failure);

  // Constant after construction.
  Endpoint& endpoint_;
  const base::Clock& clock_;
  metrics::ConnectorMetrics& metrics_;
  const DeliveryReport report_;
  const std::function<void()> wake_poller_;

  // Used by the delivery thread only.
  std::shared_ptr<const DeliverySettings> settings_;
  std::vector<Attempt> attempts_;           // by slot
  std::vector<Endpoint::Slot> free_slots_;  // the most recently used is at the back
  std::vector<Endpoint::Ended> ended_;
  size_t added_bytes_ = 0;  // since the last Publish
  Lanes lanes_;
  bool wake_poller_on_finish_ = false;
  bool poller_needed_ = false;  // the next Publish wakes it
  bool ending_ = false;
  std::optional<base::MonotonicTime> wait_until_;
  std::minstd_rand random_{std::random_device{}()};

  std::mutex mutex_;  // guards what follows, up to the thread
  std::condition_variable answered_;
  // The mailbox of the delivery thread.
  std::vector<std::function<void()>> events_;
  std::vector<DeadLetterResult> dead_letter_results_;
  size_t pending_bytes_ = 0;  // of sent records that the published demand does not include
  bool waiting_ = false;      // the delivery thread waits, and is to be woken
  // What it has published.
  MemoryLimits::Demand demand_;
  std::optional<Partitions> paused_partitions_;
  Held held_;
  bool poller_has_enough_ = false;  // WantedBytes was 0
  std::optional<StopPoint> stop_point_;
  // The partition whose dead letter failed last, and why; reset once a dead letter of that
  // partition succeeds.
  std::optional<std::pair<base::TopicPartition, std::string>> dead_letter_problem_;

  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace khs::task
