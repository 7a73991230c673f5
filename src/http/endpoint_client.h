#pragma once

#include <memory>

#include "base/clock.h"
#include "config/connector_config.h"
#include "delivery/policy.h"
#include "http/deadlines.h"
#include "http/request_head.h"
#include "task/endpoint.h"

namespace khs::http {

// A connector's endpoint. Keeps the connections that are not in use and takes the one used last
// first, so that no more stay open than are needed. The environment's proxies are ignored,
// redirects are not followed, and a request is never repeated: what happens next is not decided
// here.
//
// Limits in time: the connect timeout bounds looking up the name, connecting and the TLS handshake
// together, the read timeout bounds everything from the first byte sent to the last one read.
class EndpointClient final : public task::Endpoint {
 public:
  // Throws std::runtime_error, naming the key, for what can never work: a URL without a host, a
  // certificate file that can't be used, a header that HTTP forbids. `deadlines` and `clock` must
  // outlive the client.
  EndpointClient(config::EndpointConfig endpoint, Identity identity,
                 delivery::NullValues null_values, Deadlines& deadlines, const base::Clock& clock);
  // No Send may be under way.
  ~EndpointClient() override;

  task::SendResult Send(const delivery::Record& record, const std::stop_token& cancelled) override;
  void Abort() override;

 private:
  class Impl;

  std::unique_ptr<Impl> impl_;
};

}  // namespace khs::http
