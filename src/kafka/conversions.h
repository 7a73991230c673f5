#pragma once

#include <librdkafka/rdkafka.h>

#include "delivery/record.h"
#include "kafka/handles.h"
#include "task/record_source.h"

// Conversions between librdkafka's types and ours. Private to the room.

namespace khs::kafka {

task::ErrorClass Classify(rd_kafka_resp_err_t code);
// Whether the dead letter topic refuses the record itself, so that another attempt fails too.
// Missing permissions and missing topics do not count, because an operator can fix them.
bool RejectsRecord(rd_kafka_resp_err_t code);

delivery::Record CopyRecord(const rd_kafka_message_t* message);

// A null list is empty.
task::Partitions ToPartitions(const rd_kafka_topic_partition_list_t* list);
PartitionListHandle ToList(const task::Partitions& partitions);
PartitionListHandle ToList(const task::Positions& positions);

task::Committed ToCommitted(rd_kafka_event_t* event);
// The positions of the partitions that have a committed offset.
task::Positions CommittedPositions(const rd_kafka_topic_partition_list_t* list);

}  // namespace khs::kafka
