#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>
#include <thread>

#include "kafka/properties.h"

namespace khs::app {

// Asks the brokers now and then who they are, on a thread of its own, so that nobody who wants to
// know has to wait for them.
class ClusterWatch {
 public:
  explicit ClusterWatch(kafka::Properties properties);
  ~ClusterWatch();
  ClusterWatch(const ClusterWatch&) = delete;
  ClusterWatch& operator=(const ClusterWatch&) = delete;

  // Any thread.
  std::string id() const;  // empty until a broker has answered
  bool answers() const;    // the last time
  size_t brokers() const;  // how many the cluster has; 0 until one has answered

 private:
  void Run(const std::stop_token& stop);

  const kafka::Properties properties_;
  mutable std::mutex mutex_;  // guards what follows, up to the thread
  std::condition_variable_any stopped_;
  std::string id_;
  bool answers_ = false;
  size_t brokers_ = 0;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace khs::app
