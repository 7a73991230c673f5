#pragma once

#include "kafka/consumer.h"
#include "kafka/start_offsets.h"

namespace khs::kafka {

// What librdkafka is given for a subscription: the properties of process and connector, what is
// nobody's to change before them, and defaults behind.
Properties ConsumerProperties(const Subscription& subscription, const Properties& properties);

// Why these make no consumer that stays in its group; librdkafka does not look at that.
std::optional<std::string> JudgeTogether(const Properties& consumer);

// Where these make a consumer start where nothing is committed. Throws std::runtime_error when the
// value is not known.
ResetPolicy ResetPolicyOf(const Properties& consumer);

}  // namespace khs::kafka
