#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/response_framing.h"

namespace khs::http {

// Of an answer's head, what matters here. Its texts are parts of the head that was parsed.
struct ResponseHead {
  FramingHeaders framing;
  std::optional<std::string_view> retry_after;  // the header's value
};

// Where the head at the start of `bytes` ends, with its empty line; nothing while it goes on.
// `scanned` is how far was looked already, 0 at first.
std::optional<size_t> FindHeadEnd(std::string_view bytes, size_t& scanned);

// A head up to and with its empty line. RFC 9112, sections 4 and 5, of HTTP/1.x only; lines may end
// without the CR. The error is for people and holds nothing of the headers.
base::Expected<ResponseHead, std::string> ParseResponseHead(std::string_view head);

// False when what starts with these bytes, however few, can't be an answer of HTTP/1.x.
bool MayBeHttp(std::string_view bytes);

}  // namespace khs::http
