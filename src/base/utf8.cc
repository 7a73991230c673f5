#include "base/utf8.h"

#include <fmt/format.h>

#include <cstddef>
#include <iterator>

namespace khs::base {
namespace {

// Returns the length of the UTF-8 sequence at `at`, or 0 if it is invalid.
size_t SequenceLength(std::string_view text, size_t at) {
  const auto byte = [&](size_t index) { return static_cast<unsigned char>(text[index]); };
  const unsigned char first = byte(at);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xc2 && first <= 0xdf   ? 2
                        : first >= 0xe0 && first <= 0xef ? 3
                        : first >= 0xf0 && first <= 0xf4 ? 4
                                                         : 0;
  if (length == 0 || at + length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if (!IsContinuation(text[at + i])) return 0;
  }
  const unsigned char second = byte(at + 1);
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool beyond = (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);
  return overlong || beyond ? 0 : length;
}

}  // namespace

Utf8Character Utf8At(std::string_view text, size_t at) {
  const size_t length = SequenceLength(text, at);
  if (length == 0) return {};
  const auto first = static_cast<unsigned char>(text[at]);
  if (length == 1) return {1, first, true};
  char32_t character = first & (0x7fu >> length);
  for (size_t i = 1; i < length; ++i) {
    character = (character << 6) | (static_cast<unsigned char>(text[at + i]) & 0x3fu);
  }
  return {length, character, true};
}

bool IsUnprintable(char32_t character) {
  const bool control = character < 0x20 || (character >= 0x7f && character < 0xa0);
  const bool separator = character == 0x2028 || character == 0x2029;
  const bool reorders =
      (character >= 0x202a && character <= 0x202e) || (character >= 0x2066 && character <= 0x2069);
  return control || separator || reorders;
}

bool IsUtf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const Utf8Character next = Utf8At(text, at);
    if (!next.valid) return false;
    at += next.length;
  }
  return true;
}

bool HasControlCharacter(std::string_view text) {
  for (size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x20 || byte == 0x7f) return true;
    if (byte == 0xc2 && at + 1 < text.size() && IsContinuation(text[at + 1]) &&
        static_cast<unsigned char>(text[at + 1]) < 0xa0) {
      return true;
    }
  }
  return false;
}

std::string Printable(std::string_view text) {
  std::string result;
  for (size_t at = 0; at < text.size();) {
    const Utf8Character next = Utf8At(text, at);
    const std::string_view sequence = text.substr(at, next.length);
    if (!next.valid || IsUnprintable(next.character)) {
      for (const char c : sequence) {
        fmt::format_to(std::back_inserter(result), "\\x{:02x}", static_cast<unsigned char>(c));
      }
    } else {
      result += sequence;
    }
    at += sequence.size();
  }
  return result;
}

}  // namespace khs::base
