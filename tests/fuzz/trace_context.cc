// A record's headers, `NAME:VALUE` a line (without a colon: a header without a value). What goes
// with the request is W3C Trace Context to the letter, and a receiver that continues it has the
// same trace.
#include "request/trace_context.h"

#include <string>
#include <vector>

#include "base/header_syntax.h"
#include "fuzz/fuzz.h"

namespace khs::fuzz {
namespace {

using Headers = std::vector<delivery::RecordHeader>;

const std::string kDerived = "0123456789abcdef00000000000000ff";

Headers ReadHeaders(std::string_view text) {
  Headers headers;
  while (!text.empty()) {
    const auto [line, rest] = SplitLine(text);
    const std::size_t colon = line.find(':');
    delivery::RecordHeader header;
    header.name = line.substr(0, colon);
    if (colon != std::string_view::npos) header.value = line.substr(colon + 1);
    headers.push_back(std::move(header));
    text = rest;
  }
  return headers;
}

void CheckParent(const std::string& parent) {
  FUZZ_CHECK(parent.size() == 55 && parent.starts_with("00-"));
  FUZZ_CHECK(parent[35] == '-' && parent[52] == '-');
  const std::string trace_id = parent.substr(3, 32);
  FUZZ_CHECK(trace_id.find_first_not_of("0123456789abcdef") == std::string::npos);
  FUZZ_CHECK(trace_id.find_first_not_of('0') != std::string::npos);
  FUZZ_CHECK(parent.substr(36, 16) == kDerived.substr(0, 16));
  FUZZ_CHECK(parent[53] == '0' && parent[54] >= '0' && parent[54] <= '3');
}

}  // namespace
}  // namespace khs::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace khs;
  const std::string_view text = fuzz::TextOf(data, size);
  const request::TraceContext trace =
      request::MakeTraceContext(fuzz::ReadHeaders(text), fuzz::kDerived);
  fuzz::CheckParent(trace.parent);
  const bool is_own = trace.parent.substr(3, 32) == fuzz::kDerived;
  // Either it begins here, or it stands in the record.
  FUZZ_CHECK(is_own || text.find(trace.parent.substr(3, 32)) != std::string_view::npos);
  FUZZ_CHECK(base::IsFieldValue(trace.state) && trace.state.size() <= 512);

  fuzz::Headers sent{{"traceparent", trace.parent}};
  if (!trace.state.empty()) sent.push_back({"tracestate", trace.state});
  const request::TraceContext next = request::MakeTraceContext(sent, fuzz::kDerived);
  FUZZ_CHECK(next.parent == trace.parent && next.state == trace.state);
  return 0;
}
