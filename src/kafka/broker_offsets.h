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

// Requests of a consumer's client about offsets. Each request blocks for at most `timeout`; some
// functions send two. Private to the room.
//
// They are not librdkafka's admin requests, which must not be sent on a consumer's client: when one
// to the group's coordinator has timed out, the coordinator's late answer aborts the process. All
// versions up to 2.8 at least; https://github.com/confluentinc/librdkafka/issues/4605 is open.

using OffsetError = rd_kafka_resp_err_t;
template <class T>
using Asked = base::Expected<T, OffsetError>;

// Reads the commits of the client's group. Partitions without a commit are missing in the result.
Asked<task::Positions> AskCommitted(rd_kafka_t* client, const task::Partitions& partitions,
                                    std::chrono::milliseconds timeout);

// The first offset of a partition's log, and the one after its last.
struct LogRange {
  int64_t start = 0;
  int64_t end = 0;
};
// Reads where logs start and end. Partitions without a leader, and those that do not exist, are
// missing in the result.
Asked<std::map<base::TopicPartition, LogRange>> AskLogRanges(rd_kafka_t* client,
                                                             const task::Partitions& partitions,
                                                             std::chrono::milliseconds timeout);

// Finds the first offsets with a timestamp of `time_ms` or later. Partitions without such a record
// are missing in the result.
Asked<std::map<base::TopicPartition, int64_t>> AskOffsetsSince(rd_kafka_t* client,
                                                               const task::Partitions& partitions,
                                                               int64_t time_ms,
                                                               std::chrono::milliseconds timeout);

// Counts a topic's partitions; 0 when it does not exist.
Asked<int32_t> AskPartitionCount(rd_kafka_t* client, const std::string& topic,
                                 std::chrono::milliseconds timeout);

}  // namespace khs::kafka
