#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "rest/message.h"

namespace khs::rest {

// How an answer is framed, which depends on its request.
struct AnswerFrame {
  bool without_body = false;  // of HEAD: what its GET would have is announced and left out
  bool keep_alive = false;
  bool http_1_1 = true;
};

// An answer as it goes over the wire. Headers that would break it are left out, and so is the type
// of an empty body.
std::string RenderResponse(const Response& response, const AnswerFrame& frame, base::WallTime now);

// Kafka Connect's error body; its message is `HTTP 404 Not Found`, and `: detail` if there is any.
// The detail is plain text without quotes and backslashes.
Response ErrorResponse(int status, std::string_view detail = {});

}  // namespace khs::rest
