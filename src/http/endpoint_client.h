#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "task/endpoint.h"

namespace khs::http {

// A connector's endpoint. All attempts share one thread, which waits for all their sockets at once.
// Connections that are not in use are kept, and the one used last is taken first, so that no more
// stay open than are needed. The environment's proxies are ignored, and redirects are not followed.
// A request is sent once, but for one case: a kept connection ends before any byte of an answer.
// Then it goes out again at once, on a new connection. What else happens next is not decided here.
//
// Limits in time: the connect timeout bounds looking up the name, connecting and the TLS handshake
// together, the read timeout bounds everything from the first byte sent to the last one read.
class EndpointClient final : public task::Endpoint {
 public:
  // The connector is named in the log. `clock` must outlive the client. Throws std::system_error
  // for want of descriptors.
  EndpointClient(std::string connector, const base::Clock& clock);
  ~EndpointClient() override;

  // One that MakeDestination made for this client. Connections stay in use unless they lead
  // elsewhere now, or with other TLS settings.
  void Use(std::shared_ptr<const task::Destination> destination) override;
  void Begin(Slot slot, request::Request request) override;
  void Cancel(Slot slot) override;
  void Wait(std::optional<base::MonotonicTime> until, std::vector<Ended>& ended) override;
  void Wake() noexcept override;
  void Abort() noexcept override;

 private:
  class Impl;

  std::unique_ptr<Impl> impl_;
};

}  // namespace khs::http
