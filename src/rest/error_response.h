#pragma once

#include <string_view>

#include "rest/message.h"

namespace khs::rest {

// Creates a response with Kafka Connect's error body. Its message is `HTTP 404 Not Found`, followed
// by `: detail` if there is one. The detail must not contain quotes or backslashes.
Response ErrorResponse(int status, std::string_view detail = {});

}  // namespace khs::rest
