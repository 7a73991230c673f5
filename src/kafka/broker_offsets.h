#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "kafka/handles.h"
#include "task/record_source.h"

namespace khs::kafka {

// What a consumer asks of the brokers about offsets. Each call blocks for `timeout` at most, and
// one that asks twice for twice as long. librdkafka's admin requests must not be used on a
// consumer's client: one to the group's coordinator that has timed out aborts the process when the
// coordinator comes back (rd_kafka_enq_once_del_source_return, up to 2.8 at least). Private to the
// room.

using OffsetError = rd_kafka_resp_err_t;
template <class T>
using Asked = base::Expected<T, OffsetError>;

// What the client's group has committed of these partitions; of the others nothing is committed.
Asked<task::Positions> AskCommitted(rd_kafka_t* client, const task::Partitions& partitions,
                                    std::chrono::milliseconds timeout);

struct LogRange {
  int64_t start = 0;
  int64_t end = 0;
};
// Partitions that have no leader, or are not there, are left out.
Asked<std::map<base::TopicPartition, LogRange>> AskLogRanges(rd_kafka_t* client,
                                                             const task::Partitions& partitions,
                                                             std::chrono::milliseconds timeout);

// The first offset with a timestamp of `time_ms` or later; left out where there is none.
Asked<std::map<base::TopicPartition, int64_t>> AskOffsetsSince(rd_kafka_t* client,
                                                               const task::Partitions& partitions,
                                                               int64_t time_ms,
                                                               std::chrono::milliseconds timeout);

// How many partitions a topic has; 0 when it is not there.
Asked<int32_t> AskPartitionCount(rd_kafka_t* client, const std::string& topic,
                                 std::chrono::milliseconds timeout);

}  // namespace khs::kafka
