#pragma once

#include <string_view>

namespace khs::rest {

// The content of openapi.json.
std::string_view OpenApiDocument();

}  // namespace khs::rest
