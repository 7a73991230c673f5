#include "config/endpoint_url.h"

#include <Poco/Exception.h>
#include <Poco/URI.h>
#include <idn2.h>

#include <algorithm>
#include <memory>

#include "config/text.h"

namespace khs::config {
namespace {

// Returns the text between `://` and the path.
std::string_view Authority(std::string_view url) {
  const size_t start = url.find("://") + 3;
  return url.substr(start, HostEnd(url) - start);
}

bool IsHostCharacter(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
         c == '.' || c == '_';
}

// Stricter than Poco, which accepts any host, and `host:` without a port.
bool IsHostAndPort(std::string_view authority) {
  std::string_view port;
  if (authority.starts_with('[')) {
    const size_t end = authority.find(']');
    if (end == std::string_view::npos || end < 3) return false;
    constexpr std::string_view kAddress = "0123456789abcdefABCDEF:.";
    if (authority.substr(1, end - 1).find_first_not_of(kAddress) != std::string_view::npos) {
      return false;
    }
    port = authority.substr(end + 1);
  } else {
    const size_t end = std::min(authority.find(':'), authority.size());
    const std::string_view host = authority.substr(0, end);
    if (host.empty() || !std::all_of(host.begin(), host.end(), IsHostCharacter)) return false;
    port = authority.substr(end);
  }
  return port.empty() || (port.starts_with(':') && port.size() > 1 &&
                          port.substr(1).find_first_not_of("0123456789") == std::string_view::npos);
}

// Returns the ASCII form of an internationalized name; empty if it has none.
std::string PunycodeOf(std::string_view host) {
  char* ascii = nullptr;
  if (::idn2_to_ascii_8z(std::string(host).c_str(), &ascii, IDN2_NONTRANSITIONAL) != IDN2_OK) {
    return {};
  }
  const std::unique_ptr<char, decltype(&::idn2_free)> owner(ascii, ::idn2_free);
  return ascii;
}

bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0; });
}

std::string ValidateInternationalHost(std::string_view url, bool is_hidden) {
  const std::string_view authority = Authority(url);
  const std::string_view host = authority.substr(0, authority.find(':'));
  if (IsAscii(host)) return {};
  const std::string ascii = PunycodeOf(host);
  if (is_hidden || ascii.empty()) return "the host must be written in ASCII (xn--...)";
  return "the host must be written in ASCII: " + ascii;
}

}  // namespace

bool IsHost(std::string_view host) {
  const bool address = host.find(':') != std::string_view::npos;
  return IsHostAndPort(address ? '[' + std::string(host) + ']' : std::string(host));
}

size_t HostEnd(std::string_view url) {
  return std::min(url.find_first_of("/?#", url.find("://") + 3), url.size());
}

std::string ValidateEndpointUrl(std::string_view url, bool is_hidden) {
  const std::string lower = Lower(url);
  if (!lower.starts_with("http://") && !lower.starts_with("https://")) {
    return "an absolute URL is needed, which begins with http:// or https://";
  }
  if (std::string problem = ValidateInternationalHost(url, is_hidden); !problem.empty()) {
    return problem;
  }
  const bool printable =
      std::all_of(url.begin(), url.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (!printable) {
    return "blanks, control characters and letters beyond ASCII must be percent-encoded";
  }
  if (url.find('#') != std::string_view::npos) return "a fragment (#) is never sent: leave it out";
  const std::string_view authority = Authority(url);
  if (authority.find('@') != std::string_view::npos) {
    return "URLs are logged, so user and password cannot be part of one: send them as an "
           "Authorization header in callback.request.headers";
  }
  if (authority.empty() || authority.starts_with(':')) return "the host is missing";
  if (!IsHostAndPort(authority)) return "host and port are not valid";
  try {
    const Poco::URI uri{std::string(url)};
    if (uri.getHost().empty()) return "the host is missing";
  } catch (const Poco::Exception& exception) {
    return is_hidden ? "it is not a valid URL" : exception.message();
  }
  return {};
}

}  // namespace khs::config
