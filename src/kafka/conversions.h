#pragma once

#include <librdkafka/rdkafka.h>

#include "delivery/record.h"
#include "kafka/handles.h"
#include "task/record_source.h"

// Between librdkafka's types and ours.
namespace khs::kafka {

task::ErrorClass Classify(rd_kafka_resp_err_t code);
// Whether the error is about the produced record itself, so that another attempt will fail too. Not
// so are missing rights and topics, which an operator can mend.
bool RefusesRecord(rd_kafka_resp_err_t code);

delivery::Record CopyRecord(const rd_kafka_message_t* message);

// Null is an empty list.
task::Partitions ToPartitions(const rd_kafka_topic_partition_list_t* list);
PartitionListHandle ToList(const task::Partitions& partitions);
PartitionListHandle ToList(const task::Positions& positions);

task::Committed ToCommitted(rd_kafka_event_t* event);
// The positions of those partitions for which one is committed.
task::Positions CommittedIn(const rd_kafka_topic_partition_list_t* list);

}  // namespace khs::kafka
