#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "kafka/properties.h"

namespace khs::app {

// Polls the brokers for the id and the size of their cluster, on a thread of its own, so that
// callers do not wait for brokers. Owned by the command `run`. Any thread.
class ClusterWatch {
 public:
  // Returns the client properties with the current secrets; nothing if one cannot be read. Called
  // by the thread before each poll.
  using ResolveProperties = std::function<std::optional<kafka::Properties>()>;

  ClusterWatch(kafka::Properties properties, ResolveProperties resolve);
  ~ClusterWatch();
  ClusterWatch(const ClusterWatch&) = delete;
  ClusterWatch& operator=(const ClusterWatch&) = delete;

  // Any thread may call these.
  std::string id() const;  // empty until a broker has answered
  bool answers() const;    // whether a broker answered the last poll
  size_t brokers() const;  // of the cluster; 0 until one has answered

 private:
  void Run(const std::stop_token& stop);

  kafka::Properties properties_;  // resolved last; of the thread
  const ResolveProperties resolve_;
  mutable std::mutex mutex_;  // guards the members up to the thread
  std::condition_variable_any stopped_;
  std::string id_;
  bool answers_ = false;
  size_t brokers_ = 0;
  std::jthread thread_;  // last: it uses the members above
};

}  // namespace khs::app
