#pragma once

#include <string_view>

namespace khs::rest {

// Whether a `Content-Type` says JSON, parameters aside.
bool IsJson(std::string_view content_type);

// Whether an `Accept` takes JSON; empty takes all.
bool AcceptsJson(std::string_view accept);

// Whether a `Content-Encoding` leaves the body as it is; empty does.
bool IsIdentity(std::string_view content_encoding);

}  // namespace khs::rest
