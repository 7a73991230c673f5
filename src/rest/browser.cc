#include "rest/browser.h"

#include <arpa/inet.h>

#include <string>
#include <string_view>

#include "http/header_syntax.h"
#include "rest/response_text.h"

namespace khs::rest {
namespace {

std::string Header(const Request& request, const std::string& name) {
  const auto found = request.headers.find(name);
  return found == request.headers.end() ? std::string() : found->second;
}

bool IsAddress(int family, const std::string& text) {
  in6_addr address;  // has room for either
  return ::inet_pton(family, text.c_str(), &address) == 1;
}

}  // namespace

bool IsFromAnotherSite(const Request& request) {
  const std::string site = Header(request, "sec-fetch-site");
  if (!site.empty()) return site != "same-origin" && site != "none";
  return request.from_loopback && request.headers.contains("origin");
}

bool NamesThisMachine(const Request& request) {
  const std::string host = Header(request, "host");
  if (host.empty()) return true;
  if (host.starts_with('[')) return IsAddress(AF_INET6, host.substr(1, host.find(']') - 1));
  const std::string name = host.substr(0, host.find(':'));
  return http::EqualIgnoringCase(name, "localhost") || IsAddress(AF_INET, name);
}

Gate AskForThisMachinesName() {
  return [](const Request& head, base::MonotonicTime) -> std::optional<Response> {
    if (NamesThisMachine(head)) return std::nullopt;
    return ErrorResponse(403,
                         "rest.listen is on loopback and asks for no credentials, so Host must be "
                         "localhost or an address, which a web page cannot have");
  };
}

}  // namespace khs::rest
