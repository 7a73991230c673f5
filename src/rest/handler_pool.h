#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "rest/message.h"

namespace khs::rest {

// Threads that call the handler, made when they are needed. Any thread may use it.
class HandlerPool {
 public:
  using CallerId = uint64_t;
  // Called by the threads.
  using Deliver = std::function<void(CallerId caller, Response answer)>;

  HandlerPool(size_t threads, Handler handler, Deliver deliver);
  ~HandlerPool();  // as Stop
  HandlerPool(const HandlerPool&) = delete;
  HandlerPool& operator=(const HandlerPool&) = delete;

  // Bounded by its callers, of whom each waits for its answer.
  void Post(CallerId caller, Request request);
  // Forgets what has not begun and waits for what has.
  void Stop();

 private:
  struct Job {
    CallerId caller;
    Request request;
  };

  void Work();
  Response Handle(const Request& request) const;

  const size_t max_threads_;
  const Handler handler_;
  const Deliver deliver_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  size_t idle_ = 0;
  bool stopping_ = false;
  std::vector<std::jthread> threads_;  // last: they use the rest
};

}  // namespace khs::rest
