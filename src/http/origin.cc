#include "http/origin.h"

#include <Poco/Net/HTTPBasicCredentials.h>
#include <Poco/Net/HTTPRequest.h>

namespace khs::http {
namespace {

std::string WithPort(const std::string& host, uint16_t port) {
  const bool bracketed = host.find(':') != std::string::npos;
  return (bracketed ? '[' + host + ']' : host) + ':' + std::to_string(port);
}

// The value of Proxy-Authorization; empty when there is no user.
std::string CredentialsOf(const config::ProxyConfig& proxy) {
  if (proxy.user.Reveal().empty()) return {};
  Poco::Net::HTTPRequest request;
  Poco::Net::HTTPBasicCredentials(std::string(proxy.user.Reveal()),
                                  std::string(proxy.password.Reveal()))
      .proxyAuthenticate(request);
  return request.get(Poco::Net::HTTPRequest::PROXY_AUTHORIZATION);
}

}  // namespace

Origin::Origin(const request::Target& target, const config::EndpointConfig& endpoint)
    : host_(target.host),
      port_(target.port),
      label_(target.label),
      tls_config_(endpoint.tls),
      proxy_(endpoint.proxy),
      dialled_host_(target.shown_host),
      dialled_{target.label, endpoint.host_is_secret},
      resolver_(proxy_.host.empty() ? host_ : proxy_.host,
                proxy_.host.empty() ? port_ : proxy_.port) {
  if (target.tls) tls_.emplace(endpoint.tls, target);
  if (proxy_.host.empty()) return;
  tunnel_ = {WithPort(proxy_.host, proxy_.port), WithPort(host_, port_), CredentialsOf(proxy_)};
  dialled_host_ = "proxy " + proxy_.host;
  dialled_ = {"proxy " + tunnel_->proxy, false};
}

bool Origin::Is(const request::Target& target, const config::EndpointConfig& endpoint) const {
  return host_ == target.host && label_ == target.label && port_ == target.port &&
         proxy_ == endpoint.proxy && tls_.has_value() == target.tls &&
         (!target.tls || tls_config_ == endpoint.tls);
}

}  // namespace khs::http
