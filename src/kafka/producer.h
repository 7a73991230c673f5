#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "kafka/properties.h"

namespace khs::kafka {

// Produces records and waits until the broker has them: the demo's and the tests' way into a topic.
class Producer {
 public:
  // Throws std::runtime_error with librdkafka's words.
  explicit Producer(const Properties& properties);
  ~Producer();
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  // Queues a record, waiting while the queue is full; partition -1 lets the key choose. Throws
  // std::runtime_error when it can't be queued.
  void Produce(const std::string& topic, int partition, std::optional<std::string_view> key,
               std::optional<std::string_view> value);
  // False when not everything that was queued arrived in time.
  bool Flush(std::chrono::milliseconds timeout);

 private:
  struct Client;
  std::unique_ptr<Client> client_;
};

}  // namespace khs::kafka
