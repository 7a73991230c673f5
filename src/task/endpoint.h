#pragma once

#include <stop_token>

#include "delivery/record.h"
#include "delivery/reply.h"

namespace khs::task {

struct SendResult {
  delivery::Reply reply;
  // Record headers that HTTP forbids and that were therefore not forwarded.
  int headers_left_out = 0;
};

// Where records go. Implemented by http::EndpointClient, and by scripted fakes.
class Endpoint {
 public:
  virtual ~Endpoint() = default;

  // One attempt: blocks until there is an answer or a fault, within the connector's timeouts. Ends
  // early with Aborted when `cancelled` asks for it: what was not sent by then never will be. Never
  // throws. Several threads at once.
  virtual SendResult Send(const delivery::Record& record, const std::stop_token& cancelled) = 0;

  // Ends every Send, under way or to come, at once with Aborted. Any thread; lasting.
  virtual void Abort() = 0;
};

}  // namespace khs::task
