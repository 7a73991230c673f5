#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "delivery/response.h"
#include "request/builder.h"
#include "request/request.h"

namespace khs::task {

// Where requests go, and within which limits. Immutable; what is in it is for the endpoint that it
// was made for (http::Destination).
class Destination {
 public:
  virtual ~Destination() = default;
};

// How a definition sends records: what a request says, and where it goes. Both change at once.
struct Route {
  std::shared_ptr<const request::Builder> builder;
  std::shared_ptr<const Destination> destination;
};

// Sends requests. Implemented by http::EndpointClient, and by scripted fakes. One thread (at a
// time) begins attempts and waits for their ends, so that it serves as many at once as there may
// be; Wake and Abort are for any thread.
class Endpoint {
 public:
  // A number for an attempt, small because it is used anew as soon as the attempt has ended.
  using Slot = size_t;

  struct Ended {
    Slot slot = 0;
    delivery::Outcome outcome;
    bool resent = false;  // a kept connection had ended: the request went out on another one
  };

  virtual ~Endpoint() = default;

  // Where attempts go from now on; those under way end as they began. To be called before the first
  // one.
  virtual void Use(std::shared_ptr<const Destination> destination) = 0;

  // Begins one attempt, which ends within the connector's timeouts. The request's body stays as it
  // is until then. Does not block and never throws.
  virtual void Begin(Slot slot, request::Request request) = 0;

  // Ends an attempt with Aborted: what was not sent by now never will be. Of no effect when it has
  // ended already.
  virtual void Cancel(Slot slot) = 0;

  // Waits until an attempt has ended, until Wake was called, or until the time has come; `ended`
  // then holds every attempt that ended since the last call.
  virtual void Wait(std::optional<base::MonotonicTime> until, std::vector<Ended>& ended) = 0;

  // Makes a Wait, under way or the next one, return at once.
  virtual void Wake() noexcept = 0;

  // Ends every attempt, under way or to come, at once with Aborted; lasting.
  virtual void Abort() noexcept = 0;
};

}  // namespace khs::task
