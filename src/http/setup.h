#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <utility>

#include "config/connector_config.h"
#include "delivery/policy.h"
#include "http/origin.h"
#include "http/target.h"

namespace khs::http {

// What a definition says about attempts, made ready for use. Never changes: a changed definition is
// another Setup, and an attempt keeps the one that it began with.
struct Setup {
  // Throws std::runtime_error, naming the key, for what can never work. The origin is that of
  // `before`, if there is one and it is the same, so that its connections stay of use.
  Setup(config::EndpointConfig definition, delivery::NullValues nulls,
        const std::shared_ptr<WakeEvent>& looked_up, const Setup* before);

  const config::EndpointConfig endpoint;
  const delivery::NullValues null_values;
  const Target target;
  const std::shared_ptr<Origin> origin;
};

using SetupPtr = std::shared_ptr<const Setup>;

// Hands the newest Setup from any thread to the one that begins attempts.
class SetupHandover {
 public:
  explicit SetupHandover(SetupPtr first) : newest_(std::move(first)) {}

  void Give(SetupPtr next);
  SetupPtr Newest() const;

  // For the one thread: whether there is another one than it took last. Costs next to nothing.
  bool Fresh() const noexcept { return fresh_.load(std::memory_order_acquire); }
  SetupPtr Take();

 private:
  std::atomic<bool> fresh_{false};  // changed with the lock held
  mutable std::mutex mutex_;
  SetupPtr newest_;
};

}  // namespace khs::http
