#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace khs::config {

// The character in UTF-8; it is no surrogate and at most U+10FFFF.
void AppendUtf8(std::string& text, char32_t character);

constexpr bool IsHighSurrogate(char32_t unit) { return unit >= 0xd800 && unit <= 0xdbff; }
constexpr bool IsLowSurrogate(char32_t unit) { return unit >= 0xdc00 && unit <= 0xdfff; }
constexpr char32_t JoinSurrogates(char32_t high, char32_t low) {
  return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

// JSON as UTF-8 without a byte order mark. The encoding is told by the mark, or else by the zero
// bytes of the first character, which is ASCII in JSON (RFC 4627, section 3). The error says which
// encoding the bytes do not follow.
base::Expected<std::string, std::string> DecodeJsonText(std::string_view bytes);

}  // namespace khs::config
