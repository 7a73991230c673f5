#pragma once

#include <string>

#include "config/connector_config.h"
#include "delivery/policy.h"
#include "delivery/record.h"
#include "request/request.h"

namespace khs::request {

// Whose records these are, as the headers name it.
struct Identity {
  std::string connector;
  std::string group;
};

// Makes the request of a record, by a connector's definition. Pure and immutable: any thread.
class Builder {
 public:
  // Throws std::runtime_error, naming the key, for a URL or a header that HTTP forbids.
  Builder(config::EndpointConfig endpoint, Identity identity, delivery::NullValues null_values);

  // The same for every attempt of a record, which must outlive the request. What is forwarded
  // yields to what is configured, and both yield to the headers that describe the record.
  Request Build(const delivery::Record& record) const;

 private:
  const config::EndpointConfig endpoint_;
  const Identity identity_;
  const delivery::NullValues null_values_;
  const std::string encoded_group_;  // as it goes into Idempotency-Key
  const std::string target_;
};

}  // namespace khs::request
