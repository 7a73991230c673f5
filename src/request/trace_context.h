#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "delivery/record.h"

namespace khs::request {

// The headers of W3C Trace Context.
struct TraceContext {
  std::string parent;  // traceparent
  std::string state;   // tracestate; empty: none
};

// Continues the trace in the record's headers, or starts a new one that is not sampled. `derived`
// is 32 lower-case hex digits derived from the record. They are the trace id of a new trace, and
// the first 16 are the parent id in both cases.
TraceContext MakeTraceContext(const std::vector<delivery::RecordHeader>& headers,
                              std::string_view derived);

}  // namespace khs::request
