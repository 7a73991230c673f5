#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"

namespace khs::connect {

// A failure of one record, with the words of the log.
struct RecordError {
  base::WallTime time;
  std::string topic;
  int32_t partition = 0;
  int64_t offset = 0;
  int attempts = 0;
  std::optional<int> http_status;  // of the last answer; none if there was no answer
  std::string reason;
  std::string outcome;  // what followed: "retried", "dropped", "dead_letter" or "stopped"
  std::string text;
};

// What went wrong with a connector's records since this process runs it.
struct RecordErrors {
  uint64_t retries = 0;
  uint64_t dropped = 0;  // without tombstones that are ignored
  std::optional<RecordError> last;
};

}  // namespace khs::connect
