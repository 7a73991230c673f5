#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace khs::base {

// Base64 of RFC 4648, with padding and without line breaks.
std::string Base64Encode(std::string_view bytes);
Expected<std::string, std::string> Base64Decode(std::string_view text);

// Returns whether a URL may contain a character anywhere as it is (RFC 3986: unreserved).
constexpr bool IsUnreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}
void AppendPercentEncoded(std::string& out, char c);
// Percent-encodes all but unreserved characters.
void AppendPercentEncoded(std::string& out, std::string_view text);
std::string PercentEncode(std::string_view text);
// Returns nothing when a % is not followed by two hexadecimal digits.
std::optional<std::string> PercentDecode(std::string_view text);

// Returns the value of a hexadecimal digit, -1 for other characters.
constexpr int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Returns the MD5 in lower-case hexadecimal digits. Only for names: MD5 is not secure.
std::string Md5Hex(std::string_view bytes);

// The CRC-32 of zlib.
uint32_t Crc32(std::string_view bytes);

}  // namespace khs::base
