#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/topic_partition.h"

namespace khs::delivery {

// A header of a Kafka record.
struct RecordHeader {
  std::string name;
  std::optional<std::string> value;  // none: null
};

// A Kafka record. Owns its bytes, so that it keeps nothing of the consumer alive.
struct Record {
  base::TopicPartition topic_partition;
  int64_t offset = 0;
  std::optional<std::chrono::milliseconds> timestamp;  // since the epoch
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<RecordHeader> headers;

  // The approximate size of the record in memory; never 0.
  size_t Bytes() const {
    size_t bytes = sizeof(Record) + topic_partition.topic.size();
    if (key) bytes += key->size();
    if (value) bytes += value->size();
    for (const RecordHeader& header : headers) {
      bytes +=
          sizeof(RecordHeader) + header.name.size() + (header.value ? header.value->size() : 0);
    }
    return bytes;
  }
};

}  // namespace khs::delivery
