#include "base/secret_filter.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace khs::base {
namespace {

// Returns whether a text begins with a byte's hexadecimal digits.
bool BeginsWithHex(std::string_view text, size_t digits, unsigned char byte) {
  unsigned value = 0;
  const std::string_view hex = text.substr(0, digits);
  const auto [end, error] = std::from_chars(hex.data(), hex.data() + hex.size(), value, 16);
  return hex.size() == digits && error == std::errc{} && end == hex.data() + digits &&
         value == byte;
}

// Returns how many bytes at the start of a text stand for `c`, encoded or not; 0: none do.
size_t LengthOf(char c, std::string_view text) {
  constexpr std::string_view kEscapes = "\"\\/bfnrt";
  constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  const auto byte = static_cast<unsigned char>(c);
  if (text.starts_with('%') && BeginsWithHex(text.substr(1), 2, byte)) return 3;
  if (text.starts_with("\\u") && byte < 0x80 && BeginsWithHex(text.substr(2), 4, byte)) return 6;
  if (text.starts_with('\\') && text.size() > 1) {
    const size_t escape = kEscapes.find(text[1]);
    if (escape != std::string_view::npos && kMeanings[escape] == c) return 2;
  }
  return text.starts_with(c) ? 1 : 0;
}

// Returns how many bytes at the start of a text are the secret; 0: none are.
size_t LengthOf(const std::string& secret, std::string_view text) {
  size_t length = 0;
  for (const char c : secret) {
    const size_t next = LengthOf(c, text.substr(length));
    if (next == 0) return 0;
    length += next;
  }
  return length;
}

}  // namespace

SecretFilter::SecretFilter(std::vector<Secret> secrets) : secrets_(std::move(secrets)) {}

std::string SecretFilter::Hide(std::string_view text, size_t size) const {
  size = std::min(size, text.size());
  std::string shown;
  for (size_t at = 0; at < size;) {
    size_t hidden = 0;
    for (const Secret& secret : secrets_) {
      hidden = std::max(hidden, LengthOf(secret.Reveal(), text.substr(at)));
    }
    if (hidden > 0) {
      shown += kHidden;
    } else {
      shown += text[at];
    }
    at += std::max<size_t>(hidden, 1);
  }
  return shown;
}

}  // namespace khs::base
