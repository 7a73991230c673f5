#pragma once

#include <functional>
#include <optional>
#include <string>

#include "delivery/decision.h"
#include "delivery/record.h"

namespace khs::task {

// Why a record is given up, and after what.
struct DeadLetterCause {
  delivery::DropReason reason;
  std::optional<int> http_status;  // of the last answer, when there was one
  std::string answer;              // the same for people: "HTTP 422"
  int attempts = 0;
};

// Why a dead letter was not produced.
struct DeadLetterFailure {
  std::string text;  // names the dead letter topic, and what librdkafka or the broker says
  // The record will not be accepted as it is: too large for the topic, say, or without a key that
  // the topic needs. Otherwise another attempt may succeed without a change of the record.
  bool permanent = false;
};

// Where records go that would be dropped. Implemented by kafka::DeadLetterProducer, and by fakes.
class DeadLetterQueue {
 public:
  // Nothing: the record is there, whatever becomes of the broker that took it.
  using Done = std::function<void(std::optional<DeadLetterFailure> failure)>;

  virtual ~DeadLetterQueue() = default;

  // Does not wait. The record must stay until `done` was called, which happens once, on any thread
  // and perhaps before this returns. Any thread.
  virtual void Produce(const delivery::Record& record, const DeadLetterCause& cause, Done done) = 0;

  // Gives up what is under way: every `done` was called when this returns.
  virtual void Abandon() = 0;
};

}  // namespace khs::task
