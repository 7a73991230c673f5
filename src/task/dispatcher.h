#pragma once

#include <chrono>
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
#include "task/delivery_settings.h"
#include "task/endpoint.h"
#include "task/lanes.h"

namespace khs::task {

// Who delivers: what the logs and the dispatcher know of the task they belong to.
struct TaskIdentity {
  std::string connector;
  int id = 0;
};

// The record at which a task stopped, and why.
struct StopPoint {
  base::TopicPartition topic_partition;
  int64_t offset = 0;
  int attempts = 0;
  std::string why;
};

// A task's delivery thread, between its lanes and its endpoint: it takes the records whose turn and
// time have come and lets as many attempts as there may be run at once. It takes the next record
// itself as soon as one is done, so a busy lane needs no hand-over between threads; that is why the
// lanes live behind a lock here and not on the poll thread. The lock is never held across I/O.
class Dispatcher {
 public:
  // `wake_poller` is called from other threads, with the lock held, when the poll thread has
  // something to do; it must not block. What is passed by reference outlives the dispatcher.
  Dispatcher(TaskIdentity identity, std::shared_ptr<const DeliverySettings> settings,
             Endpoint& endpoint, const base::Clock& clock, metrics::ConnectorMetrics& metrics,
             std::function<void()> wake_poller);
  // Waits for the attempts under way: abort the endpoint first where that must be quick.
  ~Dispatcher();

  // Runs a function on the lanes under the lock; then what has become ready is on its way.
  template <class Function>
  auto With(Function&& function) {
    const std::lock_guard lock(mutex_);
    const Rousing rousing{*this};
    return function(lanes_);
  }

  // Uses other settings, of the same ordering and queue bound, from the next attempt on. Abandons
  // the previous dead letter queue when they name another one. Any thread.
  void Reconfigure(std::shared_ptr<const DeliverySettings> settings);

  // From now on every attempt that ends wakes the poll thread.
  void WatchInFlight(bool watch);

  std::optional<StopPoint> stop_point();
  // Why the dead letter queue does not accept a record that waits for it; empty when none does.
  std::string dead_letter_problem();

 private:
  // A record in a slot of the endpoint.
  struct Attempt {
    Lanes::JobPtr job;
    base::MonotonicTime start;
    int headers_left_out = 0;  // of the request
    bool outdated = false;     // under terms that were
  };
  // A job, and what was decided about it.
  using Settled = std::pair<Lanes::JobPtr, delivery::Decision>;
  struct Rousing {
    Dispatcher& dispatcher;
    ~Rousing() { dispatcher.Rouse(); }
  };

  void Run();
  bool Trade();
  void Adopt(std::shared_ptr<const DeliverySettings> settings);
  void MakeSlots();
  // How many attempts may begin now.
  size_t Room() const;
  void Rouse();
  void Begin(Lanes::JobPtr job);
  void Conclude(Endpoint::Ended ended);
  void Dispose(Lanes::JobPtr job, delivery::Decision decision, const delivery::Reply& reply);
  void Settle(Lanes::JobPtr job, const delivery::Decision& decision);
  void CountDelivered(const Lanes::Job& job);
  void Bury(Lanes::JobPtr job);
  void Buried(Lanes::JobPtr job, const std::optional<DeadLetterFailure>& failure);
  void ReportDeadLetterFailure(const Lanes::Job& job, const std::string& error,
                               std::chrono::milliseconds delay);
  bool Current(const Lanes::Job& job);
  void Report(const Lanes::Job& job, const delivery::Decision& decision, std::optional<int> status,
              const std::optional<std::string>& error);

  // Constant after construction.
  const TaskIdentity identity_;
  Endpoint& endpoint_;
  const base::Clock& clock_;
  metrics::ConnectorMetrics& metrics_;
  const std::function<void()> wake_poller_;

  // The delivery thread's alone.
  std::shared_ptr<const DeliverySettings> settings_;
  std::vector<Attempt> attempts_;           // by slot
  std::vector<Endpoint::Slot> free_slots_;  // used last at the back
  std::vector<Lanes::JobPtr> taken_;        // to be begun
  std::vector<Settled> settled_;            // to go back to the lanes
  std::vector<Endpoint::Slot> outdated_;    // to be cancelled
  std::vector<Endpoint::Ended> ended_;
  std::optional<base::MonotonicTime> wait_until_;

  std::mutex mutex_;  // guards what follows, up to the thread
  Lanes lanes_;
  std::optional<StopPoint> stop_point_;
  // The partition whose dead letter failed last, and why; none once one of it succeeded.
  std::optional<std::pair<base::TopicPartition, std::string>> dead_letter_problem_;
  std::shared_ptr<const DeliverySettings> new_settings_;  // until the delivery thread takes it
  bool watch_in_flight_ = false;
  bool ending_ = false;
  // What the delivery thread waits for, besides the ends of attempts, while it waits.
  struct Waiting {
    bool has_slot = false;
    std::optional<base::MonotonicTime> until;
  };
  std::optional<Waiting> waiting_;

  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace khs::task
