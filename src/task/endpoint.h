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

// Where requests go, and within which limits. Immutable, and shared by routes. Only the endpoint
// that it was made for knows what is in it (http::Destination).
class Destination {
 public:
  virtual ~Destination() = default;
};

// How a definition sends records: how requests are built, and where they go.
struct Route {
  std::shared_ptr<const request::Builder> builder;
  std::shared_ptr<const Destination> destination;
};

// A sender of requests. Implemented by http::EndpointClient and by scripted fakes. Owned by the
// task. The delivery thread begins attempts and waits for the end of any of them, so that one
// thread serves all; any thread may call Wake and Abort.
class Endpoint {
 public:
  // Numbers an attempt. Slots are small, because they are reused once the attempt has ended.
  using Slot = size_t;

  // What became of connections for an attempt.
  struct Connections {
    int opened = 0;
    int failed = 0;  // could not be opened
    int stale = 0;   // kept ones that had been closed; the request was sent again on another one

    Connections& operator+=(const Connections& other) {
      opened += other.opened;
      failed += other.failed;
      stale += other.stale;
      return *this;
    }
  };
  struct Ended {
    Slot slot = 0;
    delivery::Outcome outcome;
    Connections connections = {};
  };

  virtual ~Endpoint() = default;

  // Sets the destination of new attempts; those in flight end where they began. To be called before
  // the first attempt.
  virtual void Use(std::shared_ptr<const Destination> destination) = 0;

  // Begins an attempt, which ends within the connector's timeouts. The request's body must not
  // change until then. Does not block and never throws.
  virtual void Begin(Slot slot, request::Request request) = 0;

  // Ends an attempt with Aborted; nothing more is sent. Has no effect when it has ended already.
  virtual void Cancel(Slot slot) = 0;

  // Waits until an attempt ends, Wake is called, or it is `until`; `ended` then holds every attempt
  // that ended since the last call.
  virtual void Wait(std::optional<base::MonotonicTime> until, std::vector<Ended>& ended) = 0;

  // Makes the current or next Wait return at once.
  virtual void Wake() noexcept = 0;

  // Ends every attempt, in flight or new, with Aborted from now on.
  virtual void Abort() noexcept = 0;
};

}  // namespace khs::task
