#include "request/target.h"

#include <Poco/Exception.h>
#include <Poco/Net/IPAddress.h>
#include <Poco/URI.h>

#include <algorithm>
#include <stdexcept>
#include <string_view>

#include "base/encoding.h"
#include "base/secret.h"

namespace khs::request {
namespace {

// Returns path and query as they were written, because Poco's URI would decode %2F.
std::string ExtractPath(std::string_view url) {
  const std::string_view rest = TargetOf(url);
  std::string path = EncodeForTarget(rest.substr(0, rest.find('#')));
  if (path.empty() || path.front() != '/') path.insert(0, "/");
  return path;
}

}  // namespace

std::string_view TargetOf(std::string_view url) {
  const size_t authority = url.find("://") + 3;
  return url.substr(std::min(url.find_first_of("/?#", authority), url.size()));
}

std::string EncodeForTarget(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool allowed = byte > 0x20 && byte < 0x7f &&
                         std::string_view("\"<>\\^`{|}").find(c) == std::string_view::npos;
    if (allowed) {
      encoded += c;
    } else {
      base::AppendPercentEncoded(encoded, c);
    }
  }
  return encoded;
}

Target ParseTarget(const std::string& url, bool host_is_secret) {
  Target target;
  try {
    const Poco::URI uri(url);
    if (uri.getScheme() != "http" && uri.getScheme() != "https") {
      throw std::runtime_error("callback.request.url is not an http:// or https:// URL");
    }
    target.tls = uri.getScheme() == "https";
    target.host = uri.getHost();
    target.port = uri.getPort();
  } catch (const Poco::Exception&) {
    throw std::runtime_error("callback.request.url is not a valid URL");
  }
  if (target.host.size() > 2 && target.host.front() == '[') {
    target.host = target.host.substr(1, target.host.size() - 2);
  }
  if (target.host.empty() || target.port == 0 || url.find("://") == std::string::npos) {
    throw std::runtime_error("callback.request.url names no host");
  }
  Poco::Net::IPAddress address;
  target.is_address = Poco::Net::IPAddress::tryParse(target.host, address);
  target.path = ExtractPath(url);
  const bool bracketed = target.host.find(':') != std::string::npos;
  const std::string host = bracketed ? '[' + target.host + ']' : target.host;
  target.label = host + ':' + std::to_string(target.port);
  target.host_header = target.port == (target.tls ? 443 : 80) ? host : target.label;
  target.shown_host = target.host;
  if (host_is_secret) target.shown_host = target.label = base::kHidden;
  return target;
}

}  // namespace khs::request
