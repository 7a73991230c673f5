#pragma once

#include <string>

namespace khs::kafka {

// Why a request about a group or the cluster failed.
struct AdminError {
  enum class Kind {
    kUnavailable,  // no answer in time; the same call may succeed later
    kStillActive,  // the group has members; the call may succeed when they have left
    kNoPartition,  // the cluster has no such topic or partition
    kFailed,       // rejected, or no client can be created with the properties
  };
  Kind kind = Kind::kFailed;
  std::string text;  // librdkafka's message, redacted, with the partitions that it is about
};

}  // namespace khs::kafka
