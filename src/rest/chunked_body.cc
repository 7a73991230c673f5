#include "rest/chunked_body.h"

#include <algorithm>

#include "request/header_syntax.h"

namespace khs::rest {
namespace {

using Refused = base::Unexpected<Rejection>;

Refused Bad(const char* reason) { return Refused({400, reason}); }

constexpr size_t kMaxLineBytes = 1024;
constexpr size_t kMaxTrailerBytes = 8u << 10;

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

base::Expected<bool, Rejection> ChunkedBody::Take(std::string_view& bytes, std::string& body) {
  for (;;) {
    switch (part_) {
      case Part::kSize: {
        const auto taken = TakeSize(bytes, body.size());
        if (!taken || !*taken) return taken;
        break;
      }
      case Part::kData: {
        if (bytes.empty()) return false;
        const size_t count = std::min(left_, bytes.size());
        body.append(bytes.substr(0, count));
        bytes.remove_prefix(count);
        left_ -= count;
        if (left_ == 0) part_ = Part::kDataEnd;
        break;
      }
      case Part::kDataEnd: {
        constexpr std::string_view kEnd = "\r\n";
        const std::string_view end = bytes.substr(0, kEnd.size());
        if (end != kEnd.substr(0, end.size())) return Bad("A chunk is longer than its size");
        if (end.size() < kEnd.size()) return false;
        bytes.remove_prefix(kEnd.size());
        part_ = Part::kSize;
        break;
      }
      case Part::kTrailer: {
        const auto taken = TakeTrailer(bytes);
        if (!taken || !*taken) return taken;
        break;
      }
      case Part::kDone:
        return true;
    }
  }
}

// False when the line is not complete yet.
base::Expected<bool, Rejection> ChunkedBody::TakeLine(std::string_view& bytes,
                                                      std::string_view& line) const {
  const size_t end = bytes.find('\n');
  if (std::min(end, bytes.size()) > kMaxLineBytes) return Bad("A line of chunking is too long");
  if (end == std::string_view::npos) return false;
  if (end == 0 || bytes[end - 1] != '\r') return Bad("A line of chunking ends without CR");
  line = bytes.substr(0, end - 1);
  if (!request::IsFieldValue(line)) return Bad("A control character in a line of chunking");
  bytes.remove_prefix(end + 1);
  return true;
}

base::Expected<bool, Rejection> ChunkedBody::TakeSize(std::string_view& bytes, size_t body_bytes) {
  std::string_view line;
  const auto taken = TakeLine(bytes, line);
  if (!taken || !*taken) return taken;
  const std::string_view digits = line.substr(0, line.find(';'));
  if (digits.empty()) return Bad("A chunk's size is missing");
  size_t size = 0;
  for (const char c : digits) {
    const int digit = HexDigit(c);
    if (digit < 0) return Bad("A chunk's size is not a number");
    size = size * 16 + static_cast<size_t>(digit);
    if (size > limit_bytes_ - body_bytes) return Refused({413, "The body is larger than may be"});
  }
  left_ = size;
  part_ = size == 0 ? Part::kTrailer : Part::kData;
  return true;
}

base::Expected<bool, Rejection> ChunkedBody::TakeTrailer(std::string_view& bytes) {
  std::string_view line;
  const auto taken = TakeLine(bytes, line);
  if (!taken || !*taken) return taken;
  if (line.empty()) {
    part_ = Part::kDone;
    return true;
  }
  trailer_bytes_ += line.size();
  if (trailer_bytes_ > kMaxTrailerBytes) return Refused({431, "The trailer is too large"});
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !request::IsFieldName(line.substr(0, colon))) {
    return Bad("A trailer is malformed");
  }
  return true;
}

}  // namespace khs::rest
