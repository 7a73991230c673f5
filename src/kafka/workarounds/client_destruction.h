#pragma once

#include <chrono>
#include <functional>

#include "kafka/properties.h"

// Workaround: rd_kafka_destroy blocks.
//
// 1. It waits for requests that no broker answers, longer than any shutdown grace period. No issue
//    known, no fixed version known.
// 2. It never returns when a partition was deleted while it was read: the records in the
//    partition's queue keep the partition, and the partition keeps the queue. Before 2.6.1:
//    https://github.com/confluentinc/librdkafka/pull/4724
//    RecordQueues discards the records of such queues, which makes this rare.
//
// Obsolete once 1 is fixed. From 2.6.1 on, RecordQueues need not discard anything.

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
