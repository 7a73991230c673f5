#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "delivery/record.h"

namespace khs::request {

// W3C Trace Context as it goes with a request.
struct TraceContext {
  std::string parent;  // traceparent
  std::string state;   // tracestate; empty: none
};

// Continues the trace that a record's own headers name, or begins one that nobody has sampled.
// `derived` is 32 lower-case hex digits that belong to the record: the trace id of one that begins,
// and by its first half the id of this hop in either.
TraceContext TraceOf(const std::vector<delivery::RecordHeader>& headers, std::string_view derived);

}  // namespace khs::request
