#pragma once

#include <Poco/Net/HTTPRequest.h>

#include <cstddef>
#include <string_view>

#include "base/result.h"
#include "rest/limits.h"
#include "rest/message.h"

namespace khs::rest {

// A request's head as it is served.
struct CheckedHead {
  Request request;  // without body and caller; headers that come more than once are joined by ", "
  // Whether caller and request let the connection go on. Not after chunks, whose end Poco does not
  // tell from a malformed one, and not where a body could have been meant without its length.
  bool keep_alive = true;
  bool chunked = false;
  size_t content_length = 0;
  bool expects_continue = false;

  bool has_body() const { return chunked || content_length > 0; }
};

// What Poco has parsed leniently, judged strictly: what two readers could understand in two ways is
// refused, since one of them may be a proxy in front. Pure.
base::Expected<CheckedHead, Rejection> CheckRequest(const Poco::Net::HTTPRequest& parsed,
                                                    const Limits& limits);

// How a head is refused that Poco could not parse, by the text of its exception. Pure.
Rejection RejectionOf(std::string_view parser_error, bool is_long);

}  // namespace khs::rest
