#include "rest/browser.h"

#include <arpa/inet.h>

#include <string>

#include "request/header_syntax.h"

namespace khs::rest {
namespace {

std::string Header(const Request& request, const std::string& name) {
  const auto found = request.headers.find(name);
  return found == request.headers.end() ? std::string() : found->second;
}

bool IsAddress(int family, const std::string& text) {
  in6_addr address;  // large enough for both families
  return ::inet_pton(family, text.c_str(), &address) == 1;
}

bool HostIsThisMachine(const Request& request) {
  const std::string host = Header(request, "host");
  if (host.empty()) return true;
  if (host.starts_with('[')) return IsAddress(AF_INET6, host.substr(1, host.find(']') - 1));
  const std::string name = host.substr(0, host.find(':'));
  return request::EqualIgnoringCase(name, "localhost") || IsAddress(AF_INET, name);
}

}  // namespace

bool MayBeCrossSite(const Request& request) {
  const std::string site = Header(request, "sec-fetch-site");
  if (!site.empty()) return site != "same-origin" && site != "none";
  if (!request.from_loopback) return false;
  return request.headers.contains("origin") ||
         (request.method == "GET" && !HostIsThisMachine(request));
}

}  // namespace khs::rest
