#pragma once

#include <librdkafka/rdkafka.h>

// Workaround: librdkafka aborts the process when a member with a cooperative assignor is destroyed
// after it has begun to join and before its first assignment.
//
// https://github.com/confluentinc/librdkafka/issues/4312
// Before 2.3. Obsolete from 2.3 on.
//
// Such a client is therefore never destroyed, nor is one that may still join. That is rare, because
// a member that leaves while it joins gets an assignment first.

namespace khs::kafka {

inline bool AbortsOnEarlyLeave() { return rd_kafka_version() < 0x02030000; }

}  // namespace khs::kafka
