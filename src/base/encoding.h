#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace khs::base {

// Base64 of RFC 4648, with padding and without line breaks.
std::string Base64Encode(std::string_view bytes);
Expected<std::string, std::string> Base64Decode(std::string_view text);

// Returns the MD5 in lower-case hexadecimal digits. Only for names: MD5 is not secure.
std::string Md5Hex(std::string_view bytes);

// The CRC-32 of zlib.
uint32_t Crc32(std::string_view bytes);

}  // namespace khs::base
