#include "base/header_syntax.h"

#include <algorithm>
#include <array>
#include <string>

namespace khs::base {
namespace {

constexpr std::array<std::string_view, 9> kConnectionNames{
    "Host",    "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Upgrade", "TE",
    "Trailer", "Expect"};
constexpr std::string_view kProxyPrefix = "Proxy-";

// In lower case.
constexpr std::array<std::string_view, 7> kCredentialWords{
    "authorization", "cookie", "token", "secret", "password", "api-key", "apikey"};

bool IsTokenCharacter(char c) {
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  const bool digit = c >= '0' && c <= '9';
  return letter || digit ||
         (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
}

}  // namespace

bool EqualIgnoringCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return ToLower(x) == ToLower(y);
         });
}

bool IsSameForCgi(std::string_view a, std::string_view b) {
  const auto read = [](char c) { return c == '_' ? '-' : ToLower(c); };
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [&](char x, char y) { return read(x) == read(y); });
}

std::string_view TrimBlanks(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

bool IsFieldName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), IsTokenCharacter);
}

bool IsFieldValue(std::string_view value) {
  return std::none_of(value.begin(), value.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
  });
}

bool IsConnectionHeader(std::string_view name) {
  return EqualIgnoringCase(name.substr(0, kProxyPrefix.size()), kProxyPrefix) ||
         std::any_of(kConnectionNames.begin(), kConnectionNames.end(),
                     [name](std::string_view known) { return EqualIgnoringCase(name, known); });
}

bool MayHoldCredentials(std::string_view name) {
  std::string lower(name);
  for (char& c : lower) c = ToLower(c);
  return std::any_of(
      kCredentialWords.begin(), kCredentialWords.end(),
      [&lower](std::string_view word) { return lower.find(word) != std::string::npos; });
}

}  // namespace khs::base
