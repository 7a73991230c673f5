#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace khs::base {

bool IsUtf8(std::string_view text);

// One character of a text; of what is no UTF-8 one byte.
struct Utf8Character {
  size_t length = 1;            // in bytes
  char32_t character = 0xfffd;  // which stands for what is not valid
  bool valid = false;
};
// `at` lies within the text.
Utf8Character Utf8At(std::string_view text, size_t at);

// Control characters, and what breaks or reorders a line where it is shown.
bool IsUnprintable(char32_t character);

// C0, DEL and C1, which are Java's ISO control characters; the text is UTF-8.
bool HasControlCharacter(std::string_view text);

// On one line whatever is in it: what is unprintable, and bytes that are not UTF-8, become escapes.
std::string Printable(std::string_view text);

}  // namespace khs::base
