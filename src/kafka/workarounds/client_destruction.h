#pragma once

#include <chrono>
#include <functional>

#include "kafka/properties.h"

// Workaround: rd_kafka_destroy waits for requests that no broker answers, without a timeout. It
// never returns when a partition was deleted while it was read: the records in the partition's
// queue keep the partition, and the partition keeps the queue.
//
// The second: https://github.com/confluentinc/librdkafka/pull/4724, before 2.6.1. RecordQueues
// discards what such queues hold, which makes it rare. The first: no issue known, no fixed version
// known, so this stays useful.

namespace khs::kafka {

// Runs `destroy` on a thread of its own and waits for it. After `timeout` the thread is left to
// itself, which is logged, unless the timeout is 0. Throws nothing.
void DestroyWithin(std::chrono::milliseconds timeout, std::function<void()> destroy,
                   const ClientOwner& owner);

// Counts a client that is never destroyed.
void CountLeakedClient();

// Clients that are still being destroyed, or are never destroyed. Any thread.
int CountUndestroyedClients();

}  // namespace khs::kafka
