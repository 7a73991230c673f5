#pragma once

#include <librdkafka/rdkafka.h>

#include <cstddef>

// Workaround: librdkafka aborts the process when it cannot start the thread of the group's
// coordinator, and goes on without a broker when it cannot start that broker's thread.
//
// https://github.com/confluentinc/librdkafka/issues/4712
// All versions; the issue is open.

namespace khs::kafka {

// Like rd_kafka_new, but first checks that enough threads can be started, by starting and ending
// them. Creates one client at a time, so that two do not count the same threads. Throws
// std::system_error when there are too few.
rd_kafka_t* NewClientWithThreads(rd_kafka_type_t type, rd_kafka_conf_t* conf, char* error,
                                 size_t error_size);

}  // namespace khs::kafka
