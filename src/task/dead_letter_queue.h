#pragma once

#include <functional>
#include <optional>
#include <string>

#include "delivery/decision.h"
#include "delivery/record.h"

namespace khs::task {

// Why a record is given up.
struct DeadLetterCause {
  delivery::DropReason reason;
  std::optional<int> http_status;  // of the last answer, when there was one
  std::string answer;              // the same as text: "HTTP 422"; or why it cannot be sent
  int attempts = 0;
};

// Why a dead letter was not produced.
struct DeadLetterFailure {
  std::string text;  // the dead letter topic and the error of librdkafka or the broker
  // The dead letter topic refuses the record, for example because it is too large or lacks a key.
  // Otherwise a retry may succeed.
  bool permanent = false;
};

// The destination of records that would be dropped. Implemented by kafka::DeadLetterProducer and by
// fakes. Shared by a task's DeliverySettings.
class DeadLetterQueue {
 public:
  // No failure: the record is replicated.
  using Done = std::function<void(std::optional<DeadLetterFailure> failure)>;

  virtual ~DeadLetterQueue() = default;

  // Does not wait. Calls `done` once, on any thread, possibly before this returns; the record must
  // live until then. Any thread.
  virtual void Produce(const delivery::Record& record, const DeadLetterCause& cause, Done done) = 0;

  // Fails what is in flight: every `done` has been called when this returns.
  virtual void Abandon() = 0;
};

}  // namespace khs::task
