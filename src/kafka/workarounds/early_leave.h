#pragma once

#include <librdkafka/rdkafka.h>

// Workaround: librdkafka aborts the process when a member with a cooperative assignor is closed or
// destroyed after it has begun to join and before its first assignment.
//
// https://github.com/confluentinc/librdkafka/issues/4312
// Before 2.3. Obsolete from 2.3 on.
//
// Consumer::Leave therefore waits for the first assignment. When none comes in time, the client is
// never destroyed.

namespace khs::kafka {

inline bool AbortsOnEarlyLeave() { return rd_kafka_version() < 0x02030000; }

}  // namespace khs::kafka
