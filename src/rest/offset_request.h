#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "connect/worker.h"

namespace khs::rest {

// One entry of the body's `offsets` as it was sent. ParseOffsets checks its parts.
struct SentOffset {
  enum class Part { kMissing, kNotObject, kObject };
  Part partition = Part::kMissing;  // null counts as missing
  Part offset = Part::kMissing;
  // Members of the two, absent when missing or null; `has_` tells which.
  std::optional<std::string> topic, partition_number, offset_number;
  bool has_topic = false;
  bool has_partition_number = false;
  bool has_offset_number = false;
};

// Reads `{"offsets":[{"partition":{…},"offset":{…}}]}`; empty without entries. The error describes
// an invalid structure.
base::Expected<std::vector<SentOffset>, std::string> ReadOffsets(std::string_view body);

// The error is Kafka Connect's message for the first invalid offset.
base::Expected<std::vector<connect::PartitionOffset>, std::string> ParseOffsets(
    const std::vector<SentOffset>& sent);

}  // namespace khs::rest
