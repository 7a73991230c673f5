#pragma once

#include <string>

#include "config/connector_config.h"
#include "delivery/policy.h"
#include "delivery/record.h"
#include "request/request.h"

namespace khs::request {

// Connector and consumer group, as the headers name them.
struct Identity {
  std::string connector;
  std::string group;
};

// Builds the request of a record according to a connector's definition. Pure and immutable, so any
// thread may use it. Owned by the task's route.
class Builder {
 public:
  // Throws std::runtime_error that names the configuration key of an invalid URL or header.
  Builder(config::EndpointConfig endpoint, Identity identity, delivery::NullValues null_values);

  // Returns the same request for every attempt. The record must outlive it. Configured headers
  // override forwarded ones, and headers that describe the record override both.
  Request Build(const delivery::Record& record) const;

 private:
  const config::EndpointConfig endpoint_;
  const Identity identity_;
  const delivery::NullValues null_values_;
  const std::string encoded_group_;  // for Idempotency-Key
  const std::string target_;
};

}  // namespace khs::request
