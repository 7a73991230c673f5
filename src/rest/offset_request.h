#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/json_value.h"
#include "connect/worker.h"

namespace khs::rest {

// Reads `{"offsets":[{"partition":{…},"offset":{…}}]}`; returns the entries. The error
// describes an invalid structure.
base::Expected<std::vector<config::JsonValue>, std::string> ReadOffsets(std::string_view body);

// Takes the entries of ReadOffsets. The error is Kafka Connect's message for the first invalid
// offset.
base::Expected<std::vector<connect::PartitionOffset>, std::string> ParseOffsets(
    const std::vector<config::JsonValue>& entries);

}  // namespace khs::rest
