#pragma once

#include "kafka/consumer.h"

namespace khs::kafka {

// What librdkafka is given for a subscription: the properties of process and connector, what is
// nobody's to change before them, and defaults behind.
Properties ConsumerProperties(const Subscription& subscription, const Properties& properties);

// Why these make no consumer that stays in its group; librdkafka does not look at that.
std::optional<std::string> JudgeTogether(const Properties& consumer);

// Whether these make a consumer begin at a log's end where nothing is committed.
bool BeginsAtEnd(const Properties& consumer);

}  // namespace khs::kafka
