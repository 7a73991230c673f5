#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace khs::delivery {

// Both included.
struct OffsetRange {
  int64_t first = 0;
  int64_t last = 0;

  bool operator==(const OffsetRange&) const = default;
};
// Ascending, with something between each and the next.
using OffsetRanges = std::vector<OffsetRange>;

// What is in either.
OffsetRanges Union(OffsetRanges one, const OffsetRanges& other);

// Of the 4096 bytes that Kafka's brokers keep with a committed offset unless they are told
// otherwise (offset.metadata.max.bytes); the rest is for when the group started
// (kafka/group_start.h).
inline constexpr size_t kMaxMetadataBytes = 4096 - 64;

// The offsets beyond a committed position that are finished, as the text that goes with the commit:
// "khs1:" and the base64 of a checksum and of run lengths or a bitmap, whichever is shorter. Empty
// when there are none. When it does not fit, what lies furthest is left out: it is repeated then,
// never lost. `position` is not finished, and every range lies beyond it.
std::string EncodeFinished(int64_t position, const OffsetRanges& finished,
                           size_t max_bytes = kMaxMetadataBytes);

// What EncodeFinished made for that position; nothing for an empty text. The error says what is
// wrong with a text of another's making, or of a commit at another position.
base::Expected<OffsetRanges, std::string> DecodeFinished(int64_t position,
                                                         std::string_view metadata);

}  // namespace khs::delivery
