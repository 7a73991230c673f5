// A record for a connector with `cloudevents.mode`: the first line has `s` for STRUCTURED, `f` to
// forward headers and `k` for a key, then follow headers as `name: value` up to an empty line, and
// the value. Whatever the record holds, the request has valid headers, each of an event once, and a
// JSON body where the body is the event.
#include <algorithm>
#include <set>
#include <string>

#include "base/header_syntax.h"
#include "base/json_text.h"
#include "fuzz/fuzz.h"
#include "request/builder.h"
#include "support/header_lines.h"

namespace khs::fuzz {
namespace {

using Mode = config::CloudEventsConfig::Mode;

delivery::Record ReadRecord(std::string_view text, bool has_key) {
  delivery::Record record;
  record.topic_partition = {"t", 0};
  while (true) {
    const auto [line, rest] = SplitLine(text);
    text = rest;
    if (line.empty()) break;
    const size_t colon = std::min(line.find(": "), line.size());
    delivery::RecordHeader header{std::string(line.substr(0, colon)), {}};
    if (colon < line.size()) header.value = line.substr(colon + 2);
    record.headers.push_back(std::move(header));
  }
  record.value = text;
  if (has_key) record.key = text;
  return record;
}

config::EndpointConfig EndpointOf(std::string_view options) {
  const auto has = [options](char c) { return options.find(c) != std::string_view::npos; };
  config::EndpointConfig endpoint;
  endpoint.url = "http://h/";
  endpoint.default_content_type = "text/plain; charset=utf-8";
  endpoint.forward_kafka_headers = has('f');
  endpoint.cloud_events = {has('s') ? Mode::kStructured : Mode::kBinary, "type", "/source"};
  return endpoint;
}

// The value of the record may be as deep as what is read, and stands deeper in the body.
bool IsJsonOrDeep(std::string_view text) {
  return base::IsJson(text) ||
         std::count(text.begin(), text.end(), '[') + std::count(text.begin(), text.end(), '{') >
             100;
}

}  // namespace
}  // namespace khs::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace khs;
  const auto [options, rest] = fuzz::SplitLine(fuzz::TextOf(data, size));
  const config::EndpointConfig endpoint = fuzz::EndpointOf(options);
  const delivery::Record record =
      fuzz::ReadRecord(rest, options.find('k') != std::string_view::npos);
  const request::Builder builder(endpoint, {"c", "g"}, delivery::NullValues::kSend);
  const auto request = builder.Build(record, {});
  FUZZ_CHECK(request.has_value());
  FUZZ_CHECK(request->headers_left_out >= 0);

  std::set<std::string> event_names;
  for (const auto& [name, value] : khs::testing::HeaderLines(request->headers)) {
    FUZZ_CHECK(base::IsFieldName(name) && base::IsFieldValue(value));
    if (!base::IsSameForCgi(name.substr(0, 3), "ce-")) continue;
    FUZZ_CHECK(name.starts_with("ce-") && event_names.insert(name).second);
    FUZZ_CHECK(
        std::all_of(value.begin(), value.end(), [](char c) { return c > 0x20 && c < 0x7f; }));
  }
  const bool passes = request->Body().data() == record.value->data();
  const bool is_structured = endpoint.cloud_events.mode == fuzz::Mode::kStructured;
  if (is_structured && !passes) {
    FUZZ_CHECK(event_names.empty() && fuzz::IsJsonOrDeep(request->Body()));
    FUZZ_CHECK(request->headers.Find("Content-Type") == "application/cloudevents+json");
  } else if (!event_names.empty()) {
    for (const char* name : {"ce-id", "ce-source", "ce-type", "ce-specversion"}) {
      FUZZ_CHECK(event_names.contains(name));
    }
    FUZZ_CHECK(!event_names.contains("ce-datacontenttype") && !event_names.contains("ce-data"));
  } else {
    FUZZ_CHECK(
        base::EqualIgnoringCase(request->headers.Find("Content-Type").value_or("").substr(0, 23),
                                "application/cloudevents"));
  }
  return 0;
}
