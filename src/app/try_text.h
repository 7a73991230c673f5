#pragma once

#include <string>
#include <string_view>

#include "base/secret_filter.h"
#include "config/connector_config.h"
#include "delivery/decision.h"
#include "delivery/reply.h"

// What the command `try` prints. Pure.

namespace khs::app {

// Returns the head of a request with `***` for secrets, and for every header that may hold
// credentials.
std::string HideInHead(std::string_view head, const base::SecretFilter& secrets);

// Escapes what a terminal would interpret. Lines stay lines.
std::string ForTerminal(std::string_view text);

// What a connector would do with a record.
struct Prediction {
  bool is_delivered = false;
  std::string text;  // begins with "delivered", "retry", "drop" or "stop"
};

// Predicts what follows the reply to a record's first attempt.
Prediction PredictAfter(const config::ConnectorConfig& config, const delivery::Reply& reply);
// Describes a decision that was made without an attempt; `why` is the record's fault, if any.
Prediction PredictWithout(const config::ConnectorConfig& config, const delivery::Decision& decision,
                          const std::string& why);

}  // namespace khs::app
