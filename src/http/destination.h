#pragma once

#include <chrono>
#include <memory>

#include "config/connector_config.h"
#include "http/origin.h"
#include "request/target.h"
#include "task/endpoint.h"

namespace khs::http {

// What a definition says about attempts, made ready for use.
struct Destination final : task::Destination {
  Destination(const config::EndpointConfig& endpoint, const request::Target& target,
              std::shared_ptr<Origin> its_origin);

  const std::chrono::milliseconds connect_timeout;
  const std::chrono::milliseconds read_timeout;
  const std::chrono::seconds connection_max_age;  // 0: unlimited
  const std::shared_ptr<Origin> origin;
  const RequestFrame frame;
};

using DestinationPtr = std::shared_ptr<const Destination>;

// Of one task's endpoint. Throws std::runtime_error, naming the key, for what can never work: a URL
// without a host, a certificate file that can't be used. `before` may be null; where it leads to
// the same origin, connections to that stay of use.
DestinationPtr MakeDestination(const config::EndpointConfig& endpoint,
                               const task::Destination* before);

}  // namespace khs::http
