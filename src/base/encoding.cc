#include "base/encoding.h"

#include <Poco/Base64Decoder.h>
#include <Poco/Base64Encoder.h>
#include <Poco/Checksum.h>
#include <Poco/Exception.h>
#include <Poco/MD5Engine.h>
#include <Poco/StreamCopier.h>

#include <sstream>

namespace khs::base {

std::string Base64Encode(std::string_view bytes) {
  std::ostringstream text;
  Poco::Base64Encoder encoder(text);
  encoder.rdbuf()->setLineLength(0);
  encoder.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  encoder.close();
  return text.str();
}

Expected<std::string, std::string> Base64Decode(std::string_view text) {
  std::istringstream in{std::string(text)};
  // Without this the stream swallows exceptions of its buffer.
  Poco::Base64Decoder decoder(in);
  decoder.exceptions(std::ios::badbit);
  std::string bytes;
  try {
    Poco::StreamCopier::copyToString(decoder, bytes);
  } catch (const std::exception&) {
    return Unexpected<std::string>("not base64");
  }
  // The decoder skips white space and whatever follows the padding.
  if (Base64Encode(bytes) != text) return Unexpected<std::string>("not base64");
  return bytes;
}

std::string Md5Hex(std::string_view bytes) {
  Poco::MD5Engine engine;
  engine.update(bytes.data(), bytes.size());
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (const unsigned char byte : engine.digest()) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 0xf];
  }
  return hex;
}

uint32_t Crc32(std::string_view bytes) {
  Poco::Checksum checksum(Poco::Checksum::TYPE_CRC32);
  checksum.update(bytes.data(), static_cast<unsigned int>(bytes.size()));
  return checksum.checksum();
}

void AppendPercentEncoded(std::string& out, char c) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  out += '%';
  out += kHex[byte >> 4];
  out += kHex[byte & 0x0f];
}

void AppendPercentEncoded(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (IsUnreserved(c)) {
      out += c;
    } else {
      AppendPercentEncoded(out, c);
    }
  }
}

std::string PercentEncode(std::string_view text) {
  std::string encoded;
  AppendPercentEncoded(encoded, text);
  return encoded;
}

std::optional<std::string> PercentDecode(std::string_view text) {
  std::string decoded;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      decoded += text[at];
      continue;
    }
    if (at + 2 >= text.size()) return std::nullopt;
    const int high = HexDigit(text[at + 1]);
    const int low = HexDigit(text[at + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    decoded += static_cast<char>(high * 16 + low);
    at += 2;
  }
  return decoded;
}

}  // namespace khs::base
