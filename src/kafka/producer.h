#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "kafka/properties.h"

namespace khs::kafka {

// A producer that waits until the broker has each record. For the demo and for tests; used by one
// thread.
class Producer {
 public:
  // Throws std::runtime_error with librdkafka's message.
  explicit Producer(const Properties& properties);
  ~Producer();
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  // Queues a record, and waits while the queue is full. With partition -1 the key decides. Throws
  // std::runtime_error when librdkafka rejects the record.
  void Produce(const std::string& topic, int partition, std::optional<std::string_view> key,
               std::optional<std::string_view> value);
  // Waits for all queued records. False when not all of them were acknowledged in time.
  bool Flush(std::chrono::milliseconds timeout);

 private:
  struct Client;
  std::unique_ptr<Client> client_;
};

}  // namespace khs::kafka
