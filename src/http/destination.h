#pragma once

#include <chrono>
#include <memory>

#include "config/connector_config.h"
#include "http/origin.h"
#include "request/target.h"
#include "task/endpoint.h"

namespace khs::http {

// Where and within which time limits the requests of a definition are sent. Immutable, except that
// `origin` has state of the thread that connects. Shared by the task and its attempts.
struct Destination final : task::Destination {
  Destination(const config::EndpointConfig& endpoint, const request::Target& target,
              std::shared_ptr<Origin> shared_origin);

  const std::chrono::milliseconds connect_timeout;
  const std::chrono::milliseconds read_timeout;   // of the whole exchange of request and response
  const std::chrono::seconds connection_max_age;  // 0: unlimited
  const std::shared_ptr<Origin> origin;
  const RequestFrame frame;
};

using DestinationPtr = std::shared_ptr<const Destination>;

// Creates the destination of one task. It shares the origin of `previous`, which may be null, when
// the origin is the same, so that connections remain usable. Throws std::runtime_error that names
// the configuration key when the URL or a certificate file is unusable.
DestinationPtr MakeDestination(const config::EndpointConfig& endpoint,
                               const task::Destination* previous);

}  // namespace khs::http
