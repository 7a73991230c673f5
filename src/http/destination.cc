#include "http/destination.h"

#include <utility>

namespace khs::http {
namespace {

// A plain request through a proxy names the endpoint in its target. The proxy sees no request in a
// tunnel.
RequestFrame MakeFrame(const request::Target& target, const Origin& origin) {
  const Tunnel* const tunnel = origin.tunnel();
  if (tunnel == nullptr || origin.uses_tunnel()) return {target.host_header, {}, {}};
  std::string headers;
  if (!tunnel->credentials.empty()) {
    headers = "Proxy-Authorization: " + tunnel->credentials + "\r\n";
  }
  return {target.host_header, "http://" + target.host_header, std::move(headers)};
}

}  // namespace

Destination::Destination(const config::EndpointConfig& endpoint, const request::Target& target,
                         std::shared_ptr<Origin> shared_origin)
    : connect_timeout(endpoint.connect_timeout),
      read_timeout(endpoint.read_timeout),
      connection_max_age(endpoint.connection_max_age),
      origin(std::move(shared_origin)),
      frame(MakeFrame(target, *origin)) {}

DestinationPtr MakeDestination(const config::EndpointConfig& endpoint,
                               const task::Destination* previous) {
  const request::Target target =
      request::ParseTarget(endpoint.url.Reveal(), endpoint.host_is_secret);
  const auto* const known = dynamic_cast<const Destination*>(previous);
  const bool is_same = known != nullptr && known->origin->Matches(target, endpoint);
  return std::make_shared<Destination>(
      endpoint, target, is_same ? known->origin : std::make_shared<Origin>(target, endpoint));
}

}  // namespace khs::http
