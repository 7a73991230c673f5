#pragma once

#include <memory>
#include <string>

#include "kafka/properties.h"
#include "task/dead_letter_queue.h"

namespace khs::kafka {

struct DeadLetterSettings {
  std::string topic;
  // Whether a dead letter says in headers where it comes from and why.
  bool context_headers = true;
  std::string connector;
  int task = 0;
};

// Produces dead letters with acks=all and idempotence, so that an acknowledged one outlives any
// broker. Key, value, timestamp and headers are the record's own; the context comes in Kafka
// Connect's headers (org.apache.kafka.connect.runtime.errors.DeadLetterQueueReporter). The client
// is made for the first dead letter, since most connectors never have one. One that meets a fatal
// error (when it may not produce at all, say) is replaced, 1 s to 60 s later.
class DeadLetterProducer final : public task::DeadLetterQueue {
 public:
  // `properties` are the process's.
  DeadLetterProducer(DeadLetterSettings settings, Properties properties);
  ~DeadLetterProducer() override;

  void Produce(const delivery::Record& record, const task::DeadLetterCause& cause,
               Done done) override;
  void Abandon() override;

 private:
  class Client;
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace khs::kafka
