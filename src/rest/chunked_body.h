#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "rest/limits.h"

namespace khs::rest {

// Decodes a chunked body (RFC 9112, section 7.1). Extensions and trailers are judged and forgotten.
class ChunkedBody {
 public:
  explicit ChunkedBody(size_t limit_bytes) : limit_bytes_(limit_bytes) {}

  // Takes from the beginning of `bytes` what it can use, and appends what it stands for to `body`.
  // True when the body has ended; `bytes` then begins with what follows it.
  base::Expected<bool, Rejection> Take(std::string_view& bytes, std::string& body);

 private:
  enum class Part { kSize, kData, kDataEnd, kTrailer, kDone };

  base::Expected<bool, Rejection> TakeLine(std::string_view& bytes, std::string_view& line) const;
  base::Expected<bool, Rejection> TakeSize(std::string_view& bytes, size_t body_bytes);
  base::Expected<bool, Rejection> TakeTrailer(std::string_view& bytes);

  size_t limit_bytes_;
  Part part_ = Part::kSize;
  size_t left_ = 0;           // of the chunk
  size_t trailer_bytes_ = 0;  // so far
};

}  // namespace khs::rest
