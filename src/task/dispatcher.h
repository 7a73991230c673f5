#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
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

namespace khs::task {

// The record at which a task stopped, and why.
struct StopPoint {
  base::TopicPartition topic_partition;
  int64_t offset = 0;
  int attempts = 0;
  std::string why;
};

// A task's delivery thread and the lanes that it takes records from. Runs as many attempts at once
// as the policy allows and decides what follows each. When one is done, the delivery thread takes
// the next record of the lane itself, so a busy lane needs no hand-over between threads: that is
// why a lock guards the lanes, which the poll thread uses too. The lock is never held across I/O.
// Owned by the poll loop.
class Dispatcher {
 public:
  // `wake_poller` is called from other threads, with the lock held, when the poll thread has
  // something to do; it must not block. What is passed by reference outlives the dispatcher.
  Dispatcher(const TaskIdentity& identity, std::shared_ptr<const DeliverySettings> settings,
             Endpoint& endpoint, const base::Clock& clock, metrics::ConnectorMetrics& metrics,
             std::function<void()> wake_poller);
  // Waits for the attempts in flight; Endpoint::Abort ends them early.
  ~Dispatcher();

  // Calls a function on the lanes with the lock held, and then wakes the delivery thread if a job
  // has become ready.
  template <class Function>
  auto With(Function&& function) {
    const std::lock_guard lock(mutex_);
    const WakeOnExit wake{*this};
    return function(lanes_);
  }

  // Uses other settings, of the same ordering and queue bound, from the next attempt on. Abandons
  // the previous dead letter queue when they name another one. Any thread.
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
  struct Decided {
    JobPtr job;
    delivery::Decision decision;
  };
  struct WakeOnExit {
    Dispatcher& dispatcher;
    ~WakeOnExit() { dispatcher.WakeIfReady(); }
  };

  void Run();
  bool SyncWithLanes();
  void ApplySettings(std::shared_ptr<const DeliverySettings> settings);
  void AddSlots();
  size_t FreeSlots() const;
  void WakeIfReady();
  void BeginAttempt(JobPtr job);
  void OnAttemptDone(Endpoint::Ended ended);
  void OnDecision(JobPtr job, delivery::Decision decision, const delivery::Reply& reply);
  void FinishJob(JobPtr job, const delivery::Decision& decision);
  void SendToDeadLetterQueue(JobPtr job);
  void OnDeadLetterDone(JobPtr job, const std::optional<DeadLetterFailure>& failure);
  bool IsFenced(const Job& job);

  // Constant after construction.
  Endpoint& endpoint_;
  const base::Clock& clock_;
  metrics::ConnectorMetrics& metrics_;
  const DeliveryReport report_;
  const std::function<void()> wake_poller_;

  // Used by the delivery thread only.
  std::shared_ptr<const DeliverySettings> settings_;
  std::vector<Attempt> attempts_;                // by slot
  std::vector<Endpoint::Slot> free_slots_;       // the most recently used is at the back
  std::vector<JobPtr> taken_;                    // attempts to begin
  std::vector<Decided> decided_;                 // to give back to the lanes
  std::vector<Endpoint::Slot> slots_to_cancel_;  // their jobs were fenced
  std::vector<Endpoint::Ended> ended_;
  std::optional<base::MonotonicTime> wait_until_;

  std::mutex mutex_;  // guards what follows, up to the thread
  Lanes lanes_;
  std::optional<StopPoint> stop_point_;
  // The partition whose dead letter failed last, and why; reset once a dead letter of that
  // partition succeeds.
  std::optional<std::pair<base::TopicPartition, std::string>> dead_letter_problem_;
  std::shared_ptr<const DeliverySettings> new_settings_;  // until the delivery thread takes them
  bool wake_poller_on_finish_ = false;
  bool ending_ = false;
  // What the delivery thread waits for besides the end of an attempt; set while it waits.
  struct Waiting {
    bool has_free_slot = false;
    std::optional<base::MonotonicTime> until;
  };
  std::optional<Waiting> waiting_;

  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace khs::task
