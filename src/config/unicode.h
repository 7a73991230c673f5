#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace khs::config {

// Converts JSON text to UTF-8 without a byte order mark. Detects the encoding by the mark, or else
// by the zero bytes of the first character, which is ASCII in JSON (RFC 4627, section 3). The error
// names the encoding.
base::Expected<std::string, std::string> DecodeJsonText(std::string_view bytes);

}  // namespace khs::config
