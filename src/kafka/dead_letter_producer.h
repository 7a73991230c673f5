#pragma once

#include <memory>
#include <string>

#include "kafka/properties.h"
#include "task/dead_letter_queue.h"

namespace khs::kafka {

// Where the dead letters of a task go, and what they say about it.
struct DeadLetterSettings {
  std::string topic;
  // Whether dead letters get headers that say where they come from and why.
  bool context_headers = true;
  std::string connector;
  int task = 0;
};

// Produces dead letters with acks=all and idempotence, so that an acknowledged one survives the
// loss of a broker. A dead letter has the record's key, value, timestamp and headers, and the
// headers of Kafka Connect (org.apache.kafka.connect.runtime.errors.DeadLetterQueueReporter). The
// client is created for the first dead letter, because most connectors never have one. After a
// fatal error, for example a missing permission, it is replaced 1 s to 60 s later. Owned by the
// task's settings. Used by the task's threads; the results come on a thread of the client.
class DeadLetterProducer final : public task::DeadLetterQueue {
 public:
  // The properties are those of the process.
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
