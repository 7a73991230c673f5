// What is committed beside an offset. The first byte says what the rest is: `m` metadata as a
// broker returns it, `f` a body that is given its right checksum, `e` ranges to encode; the next
// eight are the position, `f` and `e` in binary.
#include <algorithm>
#include <cstring>
#include <limits>
#include <string>

#include "base/encoding.h"
#include "delivery/finished_offsets.h"
#include "fuzz/fuzz.h"

namespace khs::fuzz {
namespace {

using delivery::OffsetRange;
using delivery::OffsetRanges;

constexpr int64_t kMostOffset = std::numeric_limits<int64_t>::max();

bool IsSound(int64_t position, const OffsetRanges& ranges) {
  int64_t before = position;
  for (const OffsetRange& range : ranges) {
    // Neither the position itself nor what adjoins the range before.
    if (range.first <= before || range.last < range.first) return false;
    if (range.last == kMostOffset) return false;
    before = range.last + 1;
  }
  return true;
}

bool IsWithin(const OffsetRanges& part, const OffsetRanges& whole) {
  return std::all_of(part.begin(), part.end(), [&](const OffsetRange& range) {
    return std::any_of(whole.begin(), whole.end(), [&](const OffsetRange& other) {
      return other.first <= range.first && range.last <= other.last;
    });
  });
}

// Encoded in full it comes back; in less room nothing is added.
void CheckEncoding(int64_t position, const OffsetRanges& ranges, std::size_t room) {
  constexpr std::size_t kPlenty = 1u << 20;
  const auto whole =
      delivery::DecodeFinished(position, delivery::EncodeFinished(position, ranges, kPlenty));
  FUZZ_CHECK(whole && *whole == ranges);

  const std::string text = delivery::EncodeFinished(position, ranges, room);
  FUZZ_CHECK(text.size() <= room);
  const auto part = delivery::DecodeFinished(position, text);
  FUZZ_CHECK(part && IsSound(position, *part) && IsWithin(*part, ranges));
  // Written for another position.
  FUZZ_CHECK(text.empty() || !delivery::DecodeFinished(position + 1, text));
  FUZZ_CHECK(delivery::Union(ranges, *part) == ranges);
  FUZZ_CHECK(delivery::Union(*part, ranges) == ranges);
}

void CheckDecoding(int64_t position, std::string_view metadata) {
  const auto ranges = delivery::DecodeFinished(position, metadata);
  if (!ranges) {
    FUZZ_CHECK(!ranges.error().empty());
    return;
  }
  FUZZ_CHECK(IsSound(position, *ranges));
  CheckEncoding(position, *ranges, delivery::kMaxMetadataBytes);
}

int64_t TakePosition(std::string_view& bytes) {
  uint64_t position = 0;
  std::memcpy(&position, bytes.data(), sizeof position);
  bytes.remove_prefix(sizeof position);
  // As far as an offset can be.
  return static_cast<int64_t>(position >> 1) - (position >> 1 == uint64_t{kMostOffset} ? 1 : 0);
}

std::string WithChecksum(int64_t position, std::string_view body) {
  const uint32_t sum = base::Crc32(std::to_string(position).append(body));
  std::string bytes;
  for (unsigned shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(sum >> shift & 0xff);
  return "khs1:" + base::Base64Encode(bytes.append(body));
}

// Gap and length by turns, a byte each.
OffsetRanges TakeRanges(int64_t position, std::string_view bytes) {
  OffsetRanges ranges;
  for (int64_t end = position; bytes.size() >= 2; bytes.remove_prefix(2)) {
    const int64_t gap = 1 + static_cast<unsigned char>(bytes[0]);
    const int64_t length = 1 + static_cast<unsigned char>(bytes[1]);
    if (end > kMostOffset - gap - length) break;
    ranges.push_back({end + gap, end + gap + length - 1});
    end += gap + length;
  }
  return ranges;
}

}  // namespace
}  // namespace khs::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace khs;
  std::string_view bytes = fuzz::TextOf(data, size);
  if (bytes.empty()) return 0;
  const char kind = bytes.front();
  bytes.remove_prefix(1);
  if (kind == 'm') {
    fuzz::CheckDecoding(5, bytes);
    return 0;
  }
  if (bytes.size() < 8) return 0;
  const int64_t position = fuzz::TakePosition(bytes);
  if (kind == 'f') fuzz::CheckDecoding(position, fuzz::WithChecksum(position, bytes));
  if (kind == 'e') {
    fuzz::CheckEncoding(position, fuzz::TakeRanges(position, bytes), size % 200);
  }
  return 0;
}
