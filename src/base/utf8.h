#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace khs::base {

bool IsUtf8(std::string_view text);

// Returns whether a byte of UTF-8 text continues a character.
inline bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// One character of a text, or one byte that is not UTF-8.
struct Utf8Character {
  size_t length = 1;            // in bytes
  char32_t character = 0xfffd;  // U+FFFD for an invalid byte
  bool valid = false;
};
// Returns the character at offset `at`, which must be within the text.
Utf8Character Utf8At(std::string_view text, size_t at);

// Returns whether a character controls, breaks or reorders the line in which it is shown.
bool IsUnprintable(char32_t character);

// Returns whether UTF-8 text contains C0, DEL or C1 characters (Java's isISOControl).
bool HasControlCharacter(std::string_view text);

// Returns the text on one line, with unprintable characters and bytes that are not UTF-8 escaped.
std::string Printable(std::string_view text);

}  // namespace khs::base
