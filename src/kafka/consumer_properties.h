#pragma once

#include "kafka/consumer.h"
#include "kafka/start_offsets.h"

namespace khs::kafka {

// The properties of a consumer's client. Those that the program relies on override `properties`
// (the process's and the connector's), and those override the defaults.
Properties ConsumerProperties(const Subscription& subscription, const Properties& properties);

// The error when heartbeats would come too late for the session, which librdkafka does not check.
std::optional<std::string> ValidateHeartbeat(const Properties& consumer);

// The value of auto.offset.reset. Throws std::runtime_error when it is unknown.
ResetPolicy ResetPolicyOf(const Properties& consumer);

}  // namespace khs::kafka
