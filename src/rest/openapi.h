#pragma once

#include <string_view>

namespace khs::rest {

// openapi.json.
std::string_view OpenApiDocument();

}  // namespace khs::rest
