#include "kafka/conversions.h"

#include <chrono>
#include <cstring>
#include <utility>

namespace khs::kafka {

task::ErrorClass Classify(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR__FATAL:
    case RD_KAFKA_RESP_ERR__DESTROY:
    // The thread of a broker could not be started. librdkafka would try again after minutes only.
    case RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE:
      return task::ErrorClass::kFatal;
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__RESOLVE:
      return task::ErrorClass::kUnreachable;
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR__SSL:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
      return task::ErrorClass::kAuthentication;
    default:
      return task::ErrorClass::kTransient;
  }
}

bool RejectsRecord(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:  // for example no key in a compacted topic
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
      return true;
    default:
      return false;
  }
}

delivery::Record CopyRecord(const rd_kafka_message_t* message) {
  delivery::Record record;
  record.topic_partition = {rd_kafka_topic_name(message->rkt), message->partition};
  record.offset = message->offset;
  rd_kafka_timestamp_type_t type{};
  const int64_t timestamp = rd_kafka_message_timestamp(message, &type);
  if (type != RD_KAFKA_TIMESTAMP_NOT_AVAILABLE && timestamp >= 0) {
    record.timestamp = std::chrono::milliseconds(timestamp);
  }
  if (message->key != nullptr) {
    record.key.emplace(static_cast<const char*>(message->key), message->key_len);
  }
  if (message->payload != nullptr) {
    record.value.emplace(static_cast<const char*>(message->payload), message->len);
  }
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* name = nullptr;
    const void* value = nullptr;
    size_t size = 0;
    for (size_t i = 0;
         rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         ++i) {
      delivery::RecordHeader header{name, std::nullopt};
      if (value != nullptr) header.value.emplace(static_cast<const char*>(value), size);
      record.headers.push_back(std::move(header));
    }
  }
  return record;
}

task::Partitions ToPartitions(const rd_kafka_topic_partition_list_t* list) {
  task::Partitions partitions;
  for (int i = 0; list != nullptr && i < list->cnt; ++i) {
    partitions.push_back({list->elems[i].topic, list->elems[i].partition});
  }
  return partitions;
}

PartitionListHandle ToList(const task::Partitions& partitions) {
  PartitionListHandle list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
  for (const base::TopicPartition& partition : partitions) {
    rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition);
  }
  return list;
}

PartitionListHandle ToList(const task::Positions& positions) {
  PartitionListHandle list(rd_kafka_topic_partition_list_new(static_cast<int>(positions.size())));
  for (const task::Position& position : positions) {
    rd_kafka_topic_partition_t* element = rd_kafka_topic_partition_list_add(
        list.get(), position.topic_partition.topic.c_str(), position.topic_partition.partition);
    element->offset = position.offset;
    if (position.metadata.empty()) continue;
    // The list releases it with free().
    element->metadata = ::strndup(position.metadata.data(), position.metadata.size());
    if (element->metadata != nullptr) element->metadata_size = position.metadata.size();
  }
  return list;
}

task::Committed ToCommitted(rd_kafka_event_t* event) {
  task::Committed committed;
  const rd_kafka_topic_partition_list_t* list = rd_kafka_event_topic_partition_list(event);
  rd_kafka_resp_err_t error = rd_kafka_event_error(event);
  for (int i = 0; list != nullptr && i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& element = list->elems[i];
    committed.positions.push_back({{element.topic, element.partition}, element.offset});
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) error = element.err;
  }
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    // The second code means that the metadata of all partitions together is too large.
    const bool metadata_too_large = error == RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE ||
                                    error == RD_KAFKA_RESP_ERR_INVALID_COMMIT_OFFSET_SIZE;
    const bool excluded = error == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
                          error == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID ||
                          error == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
    committed.error = task::CommitError{rd_kafka_err2str(error), metadata_too_large, excluded};
  }
  return committed;
}

task::Positions CommittedPositions(const rd_kafka_topic_partition_list_t* list) {
  task::Positions positions;
  for (int i = 0; i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& element = list->elems[i];
    if (element.offset < 0) continue;
    task::Position position{{element.topic, element.partition}, element.offset};
    if (element.metadata != nullptr) {
      position.metadata.assign(static_cast<const char*>(element.metadata), element.metadata_size);
    }
    positions.push_back(std::move(position));
  }
  return positions;
}

}  // namespace khs::kafka
