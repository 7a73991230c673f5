#pragma once

#include <Poco/Net/HTTPRequest.h>

#include <cstddef>
#include <string_view>

#include "base/result.h"
#include "rest/limits.h"
#include "rest/message.h"

namespace khs::rest {

// A request's head that passed the checks.
struct CheckedHead {
  Request request;  // without body and caller; repeated headers are joined by ", "
  // Whether the connection may be kept. It may not after chunks, because Poco does not distinguish
  // their end from a malformed size, nor after a method that usually has a body without a length.
  bool keep_alive = true;
  bool chunked = false;
  size_t content_length = 0;
  bool expects_continue = false;

  bool has_body() const { return chunked || content_length > 0; }
};

// Validates what Poco parsed leniently. Rejects whatever two parsers could read differently,
// because one of them may be a proxy in front (request smuggling). Pure.
base::Expected<CheckedHead, Rejection> CheckRequest(const Poco::Net::HTTPRequest& parsed,
                                                    const Limits& limits);

// Returns the rejection of a head that Poco could not parse, by the text of Poco's exception. Pure.
Rejection MakeRejection(std::string_view parser_error, bool is_long);

}  // namespace khs::rest
