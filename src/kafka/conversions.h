#pragma once

#include <librdkafka/rdkafka.h>

#include "delivery/record.h"
#include "kafka/handles.h"
#include "task/record_source.h"

// Between librdkafka's types and ours.
namespace khs::kafka {

task::ErrorClass Classify(rd_kafka_resp_err_t code);

delivery::Record CopyRecord(const rd_kafka_message_t* message);

// Null is an empty list.
task::Partitions ToPartitions(const rd_kafka_topic_partition_list_t* list);
PartitionListHandle ToList(const task::Partitions& partitions);
PartitionListHandle ToList(const task::Positions& positions);

task::Committed ToCommitted(rd_kafka_event_t* event);
// The positions of those partitions for which one is committed.
task::Positions CommittedIn(const rd_kafka_topic_partition_list_t* list);

}  // namespace khs::kafka
