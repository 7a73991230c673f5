#pragma once

#include <functional>
#include <memory>

#include "delivery/policy.h"
#include "delivery/response.h"
#include "task/dead_letter_queue.h"
#include "task/endpoint.h"

namespace khs::task {

// What one definition says about the delivery of a task's records. Immutable once it is shared: the
// poll thread, the delivery thread and the lanes read the same object. A changed definition makes
// another one, which the delivery thread takes over as a whole, between two attempts.
struct DeliverySettings {
  delivery::Policy policy;
  Route route;
  std::shared_ptr<DeadLetterQueue> dead_letters = {};  // may be null
  // Called on the delivery thread for each 2xx that lacks the retry indicator which the policy
  // requires; must not block. May be empty.
  std::function<void()> on_missing_indicator = {};
  delivery::ExcerptRule excerpt = {};
};

}  // namespace khs::task
