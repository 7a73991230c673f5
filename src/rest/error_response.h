#pragma once

#include <string_view>

#include "rest/message.h"

namespace khs::rest {

// Kafka Connect's error body; its message is `HTTP 404 Not Found`, and `: detail` if there is any.
// The detail is plain text without quotes and backslashes.
Response ErrorResponse(int status, std::string_view detail = {});

}  // namespace khs::rest
