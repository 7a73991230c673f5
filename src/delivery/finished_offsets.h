#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace khs::delivery {

// From `first` to `last`, both included.
struct OffsetRange {
  int64_t first = 0;
  int64_t last = 0;

  bool operator==(const OffsetRange&) const = default;
};
// In ascending order; neighbours neither overlap nor touch.
using OffsetRanges = std::vector<OffsetRange>;

// The offsets that are in either list (union).
OffsetRanges Union(OffsetRanges one, const OffsetRanges& other);

// The part of a commit's metadata that is for finished offsets. Brokers accept 4096 bytes by
// default (offset.metadata.max.bytes); the rest says when the group started (kafka/group_start.h).
inline constexpr size_t kMaxMetadataBytes = 4096 - 64;

// Encodes the finished offsets beyond a committed position as the metadata of the commit: "khs1:"
// and the base64 of a checksum and of run lengths or a bitmap, whichever is shorter. Empty when
// there are none. When they do not fit, the highest offsets are left out: they are repeated, never
// lost. `position` must not be finished, and every range must lie beyond it.
//
// Example: position 6, finished 7 to 9 and 12: runs "1 open, 3 finished, 2 open, 1 finished".
std::string EncodeFinished(int64_t position, const OffsetRanges& finished,
                           size_t max_bytes = kMaxMetadataBytes);

// Decodes what EncodeFinished made for that position; no ranges for an empty text. The error says
// why a text is not from EncodeFinished, or belongs to another position.
base::Expected<OffsetRanges, std::string> DecodeFinished(int64_t position,
                                                         std::string_view metadata);

}  // namespace khs::delivery
