#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "config/connector_config.h"
#include "delivery/policy.h"
#include "http/request_head.h"
#include "task/endpoint.h"

namespace khs::http {

// A connector's endpoint. All attempts share one thread, which waits for all their sockets at once.
// Connections that are not in use are kept, and the one used last is taken first, so that no more
// stay open than are needed. The environment's proxies are ignored, redirects are not followed, and
// a request is never repeated: what happens next is not decided here.
//
// Limits in time: the connect timeout bounds looking up the name, connecting and the TLS handshake
// together, the read timeout bounds everything from the first byte sent to the last one read.
class EndpointClient final : public task::Endpoint {
 public:
  // Throws std::runtime_error, naming the key, for what can never work: a URL without a host, a
  // certificate file that can't be used, a header that HTTP forbids. `clock` must outlive the
  // client.
  EndpointClient(config::EndpointConfig endpoint, Identity identity,
                 delivery::NullValues null_values, const base::Clock& clock);
  ~EndpointClient() override;

  // From the next attempt on; what is under way ends as it began. Throws std::runtime_error, as the
  // constructor does, when the definition can't be used: then nothing changes. Connections stay in
  // use unless they lead elsewhere now, or with other TLS settings. Any thread; of several at once,
  // one wins.
  void Reconfigure(config::EndpointConfig endpoint, delivery::NullValues null_values);

  void Begin(Slot slot, const delivery::Record& record) override;
  void Cancel(Slot slot) override;
  void Wait(std::optional<base::MonotonicTime> until, std::vector<Ended>& ended) override;
  void Wake() noexcept override;
  void Abort() noexcept override;

 private:
  class Impl;

  std::unique_ptr<Impl> impl_;
};

}  // namespace khs::http
