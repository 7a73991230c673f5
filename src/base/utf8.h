#pragma once

#include <string>
#include <string_view>

namespace khs::base {

bool IsUtf8(std::string_view text);

// C0, DEL and C1, which are Java's ISO control characters; the text is UTF-8.
bool HasControlCharacter(std::string_view text);

// On one line whatever is in it: control characters, and bytes that are not UTF-8, become escapes.
std::string Printable(std::string_view text);

}  // namespace khs::base
