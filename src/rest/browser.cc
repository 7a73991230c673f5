#include "rest/browser.h"

#include <arpa/inet.h>

#include <string>

#include "base/header_syntax.h"

namespace khs::rest {
namespace {

bool IsAddress(int family, const std::string& text) {
  in6_addr address;  // large enough for both families
  return ::inet_pton(family, text.c_str(), &address) == 1;
}

bool HostIsThisMachine(const Request& request) {
  const std::string host = request.Header("host");
  if (host.empty()) return true;
  if (host.starts_with('[')) return IsAddress(AF_INET6, host.substr(1, host.find(']') - 1));
  const std::string name = host.substr(0, host.find(':'));
  return base::EqualIgnoringCase(name, "localhost") || IsAddress(AF_INET, name);
}

}  // namespace

bool MayBeCrossSite(const Request& request) {
  const std::string site = request.Header("sec-fetch-site");
  if (!site.empty()) return site != "same-origin" && site != "none";
  if (!request.from_loopback) return false;
  return request.headers.contains("origin") ||
         (request.method == "GET" && !HostIsThisMachine(request));
}

}  // namespace khs::rest
