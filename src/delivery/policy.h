#pragma once

#include <chrono>
#include <cstddef>

#include "delivery/backoff.h"
#include "delivery/status_codes.h"

namespace khs::delivery {

// What follows a response error. Each of Connect's exception strategies is one of the constants.
struct Strategy {
  enum class Then { kDrop, kStop };

  bool backs_off = true;    // retries as `retry_backoff` says first
  Then then = Then::kDrop;  // what follows when no retry does

  static const Strategy kProgressBackOffDropMessage;
  static const Strategy kProgressBackOffStopTask;
  static const Strategy kDropMessage;
  static const Strategy kStopTask;

  bool operator==(const Strategy&) const = default;
};
inline constexpr Strategy Strategy::kProgressBackOffDropMessage{true, Then::kDrop};
inline constexpr Strategy Strategy::kProgressBackOffStopTask{true, Then::kStop};
inline constexpr Strategy Strategy::kDropMessage{false, Then::kDrop};
inline constexpr Strategy Strategy::kStopTask{false, Then::kStop};

// Whether a response without a retry indicator asks for a retry.
enum class IndicatorRule { kRequired, kOptional };

// Which records are delivered strictly in order.
enum class Ordering { kPartition, kKey, kNone };

// What happens to a record without a value.
enum class NullValues { kSend, kDelete, kIgnore, kFail };

// How a connector delivers its records: what decides about them, and not how requests are sent.
struct Policy {
  IndicatorRule indicator = IndicatorRule::kRequired;
  StatusRules statuses;
  Strategy strategy = Strategy::kProgressBackOffDropMessage;
  Backoff retry_backoff;          // after response errors
  Backoff request_retry_backoff;  // after request errors
  Milliseconds retry_after_max{600'000};
  Milliseconds delivery_timeout{0};  // from a record's first attempt; 0: none
  Milliseconds request_delay{0};
  NullValues null_values = NullValues::kSend;
  Ordering ordering = Ordering::kPartition;
  int max_in_flight = 16;
  size_t queue_max_bytes = 8u << 20;
  size_t response_log_bytes = 0;  // how much of an error response the log and the trace show

  bool operator==(const Policy&) const = default;
};

}  // namespace khs::delivery
