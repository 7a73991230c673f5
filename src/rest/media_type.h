#pragma once

#include <string_view>

namespace khs::rest {

// Whether a `Content-Type` is JSON, with any parameters.
bool IsJson(std::string_view content_type);

// Whether an `Accept` allows JSON; an empty one allows everything.
bool AcceptsJson(std::string_view accept);

// Whether a `Content-Encoding` is empty or `identity`.
bool IsIdentity(std::string_view content_encoding);

}  // namespace khs::rest
