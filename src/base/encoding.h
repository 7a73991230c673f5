#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace khs::base {

// RFC 4648, with padding and without line breaks.
std::string Base64Encode(std::string_view bytes);
// The error says that it is no base64.
Expected<std::string, std::string> Base64Decode(std::string_view text);

// In lower-case hexadecimal digits. Names things; protects nothing.
std::string Md5Hex(std::string_view bytes);

// As in zlib.
uint32_t Crc32(std::string_view bytes);

}  // namespace khs::base
