#include "delivery/finished_offsets.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "base/encoding.h"

namespace khs::delivery {
namespace {

constexpr std::string_view kFamily = "khs";
constexpr std::string_view kPrefix = "khs1:";
constexpr char kRuns = 'r';
constexpr char kBitmap = 'b';
constexpr size_t kChecksumBytes = 4;

// With less, nothing is encoded.
constexpr size_t kLeastMetadataBytes = 64;

using Failure = base::Unexpected<std::string>;

// An encoding of the offsets before `end`; `whole` if that is all of them.
struct Body {
  std::string bytes;
  int64_t end = 0;
  bool whole = true;
};

void AppendVarint(std::string& bytes, uint64_t value) {
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>((value & 0x7f) | 0x80);
  bytes += static_cast<char>(value);
}

std::optional<uint64_t> TakeVarint(std::string_view& bytes) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 63; shift += 7) {
    if (bytes.empty()) return std::nullopt;
    const auto byte = static_cast<uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

// Encodes how many offsets are open, how many finished, and so on in turn.
Body Runs(int64_t position, const OffsetRanges& finished, size_t max_bytes) {
  Body body{{kRuns}, position, true};
  for (const OffsetRange& range : finished) {
    const size_t before = body.bytes.size();
    AppendVarint(body.bytes, static_cast<uint64_t>(range.first - body.end));
    AppendVarint(body.bytes, static_cast<uint64_t>(range.last - range.first) + 1);
    if (body.bytes.size() > max_bytes) {
      body.bytes.resize(before);
      body.whole = false;
      break;
    }
    body.end = range.last + 1;
  }
  return body;
}

// Encodes one bit for each offset from the position on, the lowest first.
Body Bitmap(int64_t position, const OffsetRanges& finished, size_t max_bytes) {
  const int64_t room = static_cast<int64_t>(max_bytes - 1) * 8;
  const int64_t span = finished.back().last + 1 - position;
  Body body{{kBitmap}, position + std::min(span, room), span <= room};
  body.bytes.resize(1 + static_cast<size_t>((body.end - position + 7) / 8));
  for (const OffsetRange& range : finished) {
    for (int64_t offset = range.first; offset <= range.last && offset < body.end; ++offset) {
      const auto bit = static_cast<size_t>(offset - position);
      char& byte = body.bytes[1 + bit / 8];
      byte = static_cast<char>(static_cast<uint8_t>(byte) | (1u << (bit % 8)));
    }
  }
  return body;
}

// Covers the position too, so that a text copied to another offset is refused.
std::string Checksum(int64_t position, std::string_view body) {
  const uint32_t sum = base::Crc32(std::to_string(position).append(body));
  std::string bytes;
  for (unsigned shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(sum >> shift & 0xff);
  return bytes;
}

base::Expected<OffsetRanges, std::string> ParseRuns(int64_t position, std::string_view bytes) {
  OffsetRanges finished;
  int64_t end = position;
  while (!bytes.empty()) {
    const auto open = TakeVarint(bytes);
    const auto done = TakeVarint(bytes);
    const auto room = static_cast<uint64_t>(std::numeric_limits<int64_t>::max() - end);
    if (!open || !done || *open == 0 || *done == 0 || *open > room || *done > room - *open) {
      return Failure("its run lengths are invalid");
    }
    const int64_t first = end + static_cast<int64_t>(*open);
    end = first + static_cast<int64_t>(*done);
    finished.push_back({first, end - 1});
  }
  return finished;
}

base::Expected<OffsetRanges, std::string> ParseBitmap(int64_t position, std::string_view bytes) {
  const int64_t room = std::numeric_limits<int64_t>::max() - position;
  OffsetRanges finished;
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    if ((static_cast<uint8_t>(bytes[bit / 8]) >> (bit % 8) & 1) == 0) continue;
    // The position itself must not be finished.
    if (bit == 0 || static_cast<int64_t>(bit) >= room) return Failure("its bits are invalid");
    const int64_t offset = position + static_cast<int64_t>(bit);
    if (!finished.empty() && finished.back().last == offset - 1) {
      finished.back().last = offset;
    } else {
      finished.push_back({offset, offset});
    }
  }
  return finished;
}

}  // namespace

OffsetRanges Union(OffsetRanges one, const OffsetRanges& other) {
  one.insert(one.end(), other.begin(), other.end());
  std::sort(one.begin(), one.end(),
            [](const OffsetRange& a, const OffsetRange& b) { return a.first < b.first; });
  OffsetRanges united;
  for (const OffsetRange& range : one) {
    if (!united.empty() && range.first <= united.back().last + 1) {
      united.back().last = std::max(united.back().last, range.last);
    } else {
      united.push_back(range);
    }
  }
  return united;
}

std::string EncodeFinished(int64_t position, const OffsetRanges& finished, size_t max_bytes) {
  if (finished.empty() || max_bytes < kLeastMetadataBytes) return {};
  const size_t room = (max_bytes - kPrefix.size()) / 4 * 3 - kChecksumBytes;
  Body body = Runs(position, finished, room);
  // No bitmap is made if it would be much longer.
  const int64_t span = finished.back().last - position;
  if (!body.whole || span / 8 < static_cast<int64_t>(body.bytes.size())) {
    Body bitmap = Bitmap(position, finished, room);
    const bool better =
        bitmap.whole == body.whole
            ? (bitmap.whole ? bitmap.bytes.size() < body.bytes.size() : bitmap.end > body.end)
            : bitmap.whole;
    if (better) body = std::move(bitmap);
  }
  return std::string(kPrefix) + base::Base64Encode(Checksum(position, body.bytes) + body.bytes);
}

base::Expected<OffsetRanges, std::string> DecodeFinished(int64_t position,
                                                         std::string_view metadata) {
  if (metadata.empty()) return OffsetRanges{};
  if (!metadata.starts_with(kFamily)) return Failure("it was written by another program");
  if (!metadata.starts_with(kPrefix)) return Failure("it was written by another version");
  const auto decoded = base::Base64Decode(metadata.substr(kPrefix.size()));
  if (!decoded) return Failure("it is " + decoded.error());
  if (decoded->size() <= kChecksumBytes) return Failure("it is too short");
  const std::string_view body = std::string_view(*decoded).substr(kChecksumBytes);
  if (std::string_view(*decoded).substr(0, kChecksumBytes) != Checksum(position, body)) {
    return Failure("its checksum is wrong");
  }
  if (body.front() == kRuns) return ParseRuns(position, body.substr(1));
  if (body.front() == kBitmap) return ParseBitmap(position, body.substr(1));
  return Failure("its encoding is unknown");
}

}  // namespace khs::delivery
