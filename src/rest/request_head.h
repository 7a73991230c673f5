#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "rest/limits.h"
#include "rest/message.h"

namespace khs::rest {

// A request's head, RFC 9112 read strictly: what two readers could understand in two ways is
// refused, since one of them may be a proxy in front.
struct RequestHead {
  Request request;  // without body and caller; headers that come more than once are joined by ", "
  bool http_1_1 = true;
  bool keep_alive = true;  // as far as the caller is concerned
  bool chunked = false;
  size_t content_length = 0;
  bool expects_continue = false;

  bool has_body() const { return chunked || content_length > 0; }
};

// Finds the end of the head at the start of bytes that grow: judges every byte once, so that what
// is no HTTP is known at its first byte.
class HeadScanner {
 public:
  explicit HeadScanner(const Limits& limits) : limits_(&limits) {}

  // Where the head ends, with its empty line; nothing while it goes on. `bytes` begins as in the
  // call before.
  base::Expected<std::optional<size_t>, Rejection> Scan(std::string_view bytes);

 private:
  const Limits* limits_;
  size_t scanned_ = 0;
  size_t line_ = 0;  // where the line begins that is being scanned
};

// `head` is what HeadScanner has found, up to and with the empty line.
base::Expected<RequestHead, Rejection> ParseRequestHead(std::string_view head,
                                                        const Limits& limits);

}  // namespace khs::rest
