#pragma once

#include <string_view>

#include "rest/message.h"

namespace khs::rest {

// Creates a response with Kafka Connect's error body.
Response Error(int status, std::string_view message);

// Creates a response of the HTTP layer. Its message is `HTTP 404 Not Found`, followed by `: detail`
// if there is one.
Response HttpError(int status, std::string_view detail = {});

}  // namespace khs::rest
