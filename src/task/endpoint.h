#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "delivery/record.h"
#include "delivery/reply.h"

namespace khs::task {

struct SendResult {
  delivery::Reply reply;
  // Record headers that HTTP forbids and that were therefore not forwarded.
  int headers_left_out = 0;
};

// Where records go. Implemented by http::EndpointClient, and by scripted fakes. One thread (at a
// time) begins attempts and waits for their ends, so that it serves as many at once as there may
// be; Wake and Abort are for any thread.
class Endpoint {
 public:
  // A number for an attempt, small because it is used anew as soon as the attempt has ended.
  using Slot = size_t;

  struct Ended {
    Slot slot = 0;
    SendResult result;
  };

  virtual ~Endpoint() = default;

  // Begins one attempt, which ends within the connector's timeouts. The record stays as it is until
  // then. Does not block and never throws.
  virtual void Begin(Slot slot, const delivery::Record& record) = 0;

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
