#pragma once

#include <string>

#include "task/record_source.h"

namespace khs::task {

// The partitions as log lines name them: "orders[0],orders[1]".
inline std::string ListPartitions(const Partitions& partitions) {
  std::string text;
  for (const base::TopicPartition& partition : partitions) {
    if (!text.empty()) text += ',';
    text += partition.topic + '[' + std::to_string(partition.partition) + ']';
  }
  return text;
}

}  // namespace khs::task
