#include "config/unicode.h"

#include <array>
#include <cstddef>
#include <optional>

#include "base/utf8.h"

namespace khs::config {
namespace {

using namespace std::string_view_literals;

bool IsHighSurrogate(char32_t unit) { return unit >= 0xd800 && unit <= 0xdbff; }
bool IsLowSurrogate(char32_t unit) { return unit >= 0xdc00 && unit <= 0xdfff; }
char32_t JoinSurrogates(char32_t high, char32_t low) {
  return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

// Appends a character, which is not a surrogate and at most U+10FFFF.
void AppendUtf8(std::string& text, char32_t character) {
  const auto continuation = [character](int shift) {
    return static_cast<char>(0x80 | ((character >> shift) & 0x3f));
  };
  if (character < 0x80) {
    text += static_cast<char>(character);
  } else if (character < 0x800) {
    text += static_cast<char>(0xc0 | (character >> 6));
    text += continuation(0);
  } else if (character < 0x10000) {
    text += static_cast<char>(0xe0 | (character >> 12));
    text += continuation(6);
    text += continuation(0);
  } else {
    text += static_cast<char>(0xf0 | (character >> 18));
    text += continuation(12);
    text += continuation(6);
    text += continuation(0);
  }
}

struct Encoding {
  std::string_view name;
  size_t unit;  // in bytes
  bool big_endian;
  std::string_view mark;  // byte order mark
};

// A mark precedes those that are its prefix.
constexpr std::array<Encoding, 5> kEncodings = {{{"UTF-32", 4, true, "\x00\x00\xfe\xff"sv},
                                                 {"UTF-32", 4, false, "\xff\xfe\x00\x00"sv},
                                                 {"UTF-16", 2, true, "\xfe\xff"sv},
                                                 {"UTF-16", 2, false, "\xff\xfe"sv},
                                                 {"UTF-8", 1, true, "\xef\xbb\xbf"sv}}};

// Returns whether the first unit is an ASCII character: all bytes but the last (or first) are zero.
bool StartsWithAscii(std::string_view bytes, const Encoding& encoding) {
  if (bytes.size() < encoding.unit) return false;
  for (size_t i = 0; i < encoding.unit; ++i) {
    const bool is_character = i == (encoding.big_endian ? encoding.unit - 1 : 0);
    if ((bytes[i] != '\0') != is_character) return false;
  }
  return true;
}

Encoding Detect(std::string_view bytes) {
  for (const Encoding& encoding : kEncodings) {
    if (bytes.starts_with(encoding.mark)) return encoding;
  }
  for (Encoding encoding : kEncodings) {
    encoding.mark = {};
    if (StartsWithAscii(bytes, encoding)) return encoding;
  }
  return {"UTF-8", 1, true, {}};
}

char32_t UnitAt(std::string_view bytes, size_t at, const Encoding& encoding) {
  char32_t unit = 0;
  for (size_t i = 0; i < encoding.unit; ++i) {
    const size_t from = encoding.big_endian ? at + i : at + encoding.unit - 1 - i;
    unit = (unit << 8) | static_cast<unsigned char>(bytes[from]);
  }
  return unit;
}

// Returns nullopt if the bytes are invalid in the encoding.
std::optional<std::string> ToUtf8(std::string_view bytes, const Encoding& encoding) {
  if (bytes.size() % encoding.unit != 0) return std::nullopt;
  std::string text;
  for (size_t at = 0; at < bytes.size(); at += encoding.unit) {
    char32_t character = UnitAt(bytes, at, encoding);
    const bool has_next = at + encoding.unit < bytes.size();
    if (encoding.unit == 2 && IsHighSurrogate(character) && has_next) {
      const char32_t low = UnitAt(bytes, at + encoding.unit, encoding);
      if (!IsLowSurrogate(low)) return std::nullopt;
      character = JoinSurrogates(character, low);
      at += encoding.unit;
    }
    if (IsHighSurrogate(character) || IsLowSurrogate(character) || character > 0x10ffff) {
      return std::nullopt;
    }
    AppendUtf8(text, character);
  }
  return text;
}

}  // namespace

base::Expected<std::string, std::string> DecodeJsonText(std::string_view bytes) {
  const Encoding encoding = Detect(bytes);
  bytes.remove_prefix(encoding.mark.size());
  std::optional<std::string> text;
  if (encoding.unit > 1) {
    text = ToUtf8(bytes, encoding);
  } else if (base::IsUtf8(bytes)) {
    text = bytes;
  }
  if (text) return std::move(*text);
  return base::Unexpected<std::string>("The text is not valid " + std::string(encoding.name));
}

}  // namespace khs::config
