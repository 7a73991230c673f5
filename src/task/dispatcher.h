#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "delivery/decision.h"
#include "metrics/connector_metrics.h"
#include "task/dead_letter_queue.h"
#include "task/endpoint.h"
#include "task/lanes.h"
#include "task/worker_count.h"

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

// A task's worker threads around its lanes. A worker takes the next record itself as soon as it is
// done with one, so a busy lane needs no hand-over between threads; that is why the lanes live
// behind a lock here and not on the poll thread. The lock is never held across I/O.
class Dispatcher {
 public:
  // `wake_poller` is called from other threads, with the lock held, when the poll thread has
  // something to do; it must not block. What is passed by reference or pointer outlives the
  // dispatcher; `dead_letters` may be null.
  Dispatcher(TaskIdentity identity, const delivery::Policy& policy, Endpoint& endpoint,
             DeadLetterQueue* dead_letters, const base::Clock& clock,
             metrics::ConnectorMetrics& metrics, std::function<void()> wake_poller);
  // Waits for the attempts under way: abort the endpoint first where that must be quick.
  ~Dispatcher();

  // Runs a function on the lanes under the lock.
  template <class Function>
  auto With(Function&& function) {
    const std::lock_guard lock(mutex_);
    return function(lanes_);
  }

  // Puts workers on what is ready, and ends those that had nothing to do for long. The poll
  // thread's alone. When it should be called again, if it should before anything else happens.
  std::optional<base::MonotonicTime> Kick();
  // From now on every attempt that ends wakes the poll thread.
  void WatchInFlight(bool watch);

  std::optional<StopPoint> stop_point();

 private:
  struct Worker {
    std::condition_variable wake;
    bool signalled = false;
    bool ended = false;
    std::jthread thread;
  };

  void Wake(size_t count);
  void Reap(std::unique_lock<std::mutex>& lock);
  void Work(Worker& self);
  bool AwaitSignal(std::unique_lock<std::mutex>& lock, Worker& self);
  void Process(std::unique_lock<std::mutex>& lock, Lanes::JobPtr job);
  delivery::Decision Attempt(Lanes::Job& job, delivery::Reply& reply);
  void Settle(Lanes::JobPtr job, const delivery::Decision& decision);
  void Bury(Lanes::JobPtr job);
  void Buried(Lanes::JobPtr job, const std::optional<std::string>& error);
  void Report(const Lanes::Job& job, const delivery::Decision& decision, const std::string& answer);

  // Constant after construction.
  const TaskIdentity identity_;
  const delivery::Policy policy_;
  Endpoint& endpoint_;
  DeadLetterQueue* const dead_letters_;
  const base::Clock& clock_;
  metrics::ConnectorMetrics& metrics_;
  const std::function<void()> wake_poller_;

  std::mutex mutex_;  // guards all that follows
  Lanes lanes_;
  WorkerCount worker_count_;
  std::optional<StopPoint> stop_point_;
  bool watch_in_flight_ = false;
  bool ending_ = false;
  bool workers_ended_ = false;  // some wait to be joined
  std::vector<Worker*> idle_;   // last in, first used: few threads stay warm
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace khs::task
