#pragma once

#include <chrono>
#include <cstdint>

#include "base/result.h"
#include "base/topic_partition.h"
#include "delivery/record.h"
#include "kafka/admin_error.h"
#include "kafka/properties.h"

namespace khs::kafka {

// Reads the record at an offset with a client of its own, which is a member of no group and commits
// nothing. Blocks for about `timeout` at most.
base::Expected<delivery::Record, AdminError> ReadRecordAt(const Properties& properties,
                                                          const base::TopicPartition& from,
                                                          int64_t offset,
                                                          std::chrono::milliseconds timeout);

}  // namespace khs::kafka
