#pragma once

#include <string>

#include "task/record_source.h"

namespace khs::task {

// As log lines name them.
inline std::string Listed(const Partitions& partitions) {
  std::string text;
  for (const base::TopicPartition& partition : partitions) {
    if (!text.empty()) text += ',';
    text += partition.topic + '[' + std::to_string(partition.partition) + ']';
  }
  return text;
}

}  // namespace khs::task
