#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>

#include "kafka/conversions.h"

// Workaround: librdkafka counts an error that it puts among the records as a record. Its position
// is then one further, and after a pause it goes on there and skips a record.
//
// No issue known. From 2.1 on, no fixed version known.
//
// A partition whose position is too far is assigned again at the right one (PositionRecovery).

namespace khs::kafka {

// `position` is the next offset to be read of the partition. The marker of a transaction moves
// librdkafka's position as well; assigning the partition again does no harm then.
inline bool IsBeyond(rd_kafka_t* client, const base::TopicPartition& partition, int64_t position) {
  const PartitionListHandle list = ToList(task::Partitions{partition});
  return rd_kafka_position(client, list.get()) == RD_KAFKA_RESP_ERR_NO_ERROR &&
         list->elems[0].offset > position;
}

}  // namespace khs::kafka
