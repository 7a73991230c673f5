#include "http/destination.h"

#include <utility>

namespace khs::http {

Destination::Destination(const config::EndpointConfig& endpoint, const request::Target& target,
                         std::shared_ptr<Origin> its_origin)
    : connect_timeout(endpoint.connect_timeout),
      read_timeout(endpoint.read_timeout),
      connection_max_age(endpoint.connection_max_age),
      host_is_secret(endpoint.host_is_secret),
      host_header(target.host_header),
      origin(std::move(its_origin)) {}

DestinationPtr MakeDestination(const config::EndpointConfig& endpoint,
                               const task::Destination* before) {
  const request::Target target =
      request::ParseTarget(endpoint.url.Reveal(), endpoint.host_is_secret);
  const auto* known = dynamic_cast<const Destination*>(before);
  const bool same = known != nullptr && known->origin->Is(target, endpoint.tls);
  return std::make_shared<Destination>(
      endpoint, target, same ? known->origin : std::make_shared<Origin>(target, endpoint.tls));
}

}  // namespace khs::http
