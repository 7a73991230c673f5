#include "http/origin.h"

#include <Poco/Net/HTTPBasicCredentials.h>
#include <Poco/Net/HTTPRequest.h>

namespace khs::http {
namespace {

std::string JoinHostPort(const std::string& host, uint16_t port) {
  const bool bracketed = host.find(':') != std::string::npos;
  return (bracketed ? '[' + host + ']' : host) + ':' + std::to_string(port);
}

// Returns the value of Proxy-Authorization, or nothing when no user is configured.
std::string ProxyCredentials(const config::ProxyConfig& proxy) {
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
      peer_host_(target.shown_host),
      peer_name_{target.label, endpoint.host_is_secret},
      resolver_(proxy_.host.empty() ? host_ : proxy_.host,
                proxy_.host.empty() ? port_ : proxy_.port) {
  if (target.tls) tls_.emplace(endpoint.tls, target);
  if (proxy_.host.empty()) return;
  tunnel_ = {JoinHostPort(proxy_.host, proxy_.port), JoinHostPort(host_, port_),
             ProxyCredentials(proxy_)};
  peer_host_ = "proxy " + proxy_.host;
  peer_name_ = {"proxy " + tunnel_->proxy, false};
}

bool Origin::Matches(const request::Target& target, const config::EndpointConfig& endpoint) const {
  return host_ == target.host && label_ == target.label && port_ == target.port &&
         proxy_ == endpoint.proxy && tls_.has_value() == target.tls &&
         (!target.tls || tls_config_ == endpoint.tls);
}

}  // namespace khs::http
