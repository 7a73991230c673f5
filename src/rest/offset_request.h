#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "connect/worker.h"

namespace khs::rest {

// One entry of the body's `offsets` as it was sent; its parts are judged later.
struct SentOffset {
  enum class Part { kMissing, kNotObject, kObject };
  Part partition = Part::kMissing;  // null counts as missing
  Part offset = Part::kMissing;
  // Members of the two; absent: not there, or null, which are told apart by `has_`.
  std::optional<std::string> topic, partition_number, offset_number;
  bool has_topic = false;
  bool has_partition_number = false;
  bool has_offset_number = false;
};

// `{"offsets":[{"partition":{…},"offset":{…}}]}`; empty when there are none. The error says what is
// wrong with its form.
base::Expected<std::vector<SentOffset>, std::string> ReadOffsets(std::string_view body);

// The error is Kafka's wording, of the first that is wrong.
base::Expected<std::vector<connect::PartitionOffset>, std::string> JudgeOffsets(
    const std::vector<SentOffset>& sent);

}  // namespace khs::rest
