#include "request/cloud_event.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "base/encoding.h"
#include "base/header_syntax.h"
#include "base/json_text.h"
#include "base/utf8.h"
#include "config/request_body.h"
#include "config/reserved_headers.h"

namespace khs::request {
namespace {

using delivery::Record;
using delivery::RecordFault;
using delivery::RecordHeader;
using Form = RecordEvent::Form;
using Mode = config::CloudEventsConfig::Mode;
using Place = TemplateRenderer::Place;
using std::chrono::milliseconds;

constexpr std::string_view kContentType = "Content-Type";
constexpr std::string_view kDataType = "datacontenttype";
constexpr std::string_view kStructuredType = "application/cloudevents+json";
// Records without all of these are no events.
constexpr std::array<std::string_view, 4> kRequired{"id", "source", "type", "specversion"};
constexpr size_t kMaxAttribute = 8 * 1024;
constexpr size_t kMaxPartitionKey = 1024;

// Returns whether Kafka's binding of CloudEvents may have such a name after `ce_`.
bool IsAttributeName(std::string_view name) {
  return !name.empty() && name != "data" && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  });
}

bool HasRequired(const EventAttributes& attributes) {
  return std::all_of(kRequired.begin(), kRequired.end(), [&](std::string_view name) {
    const auto found = attributes.find(name);
    return found != attributes.end() && !found->second.empty();
  });
}

// Returns the media type in a header; empty if it is none.
std::string MediaType(const std::optional<std::string>& value) {
  if (!value || !base::IsFieldValue(*value) || !base::IsUtf8(*value)) return {};
  return std::string(base::TrimBlanks(*value));
}

// Returns whether it is the type of an event in one piece: JSON, Avro and so on, or a batch.
bool IsStructuredType(std::string_view type) {
  constexpr std::string_view kPrefix = "application/cloudevents";
  return base::EqualIgnoringCase(type.substr(0, kPrefix.size()), kPrefix);
}

// Returns a time in the form of RFC 3339; nothing in a year that it cannot have.
std::optional<std::string> FormatTime(milliseconds since_epoch) {
  using namespace std::chrono;
  constexpr milliseconds kYear1{-62'135'596'800'000};
  constexpr milliseconds kYear10000{253'402'300'800'000};
  if (since_epoch < kYear1 || since_epoch >= kYear10000) return std::nullopt;
  const sys_time<milliseconds> time(since_epoch);
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

// Returns whether a key can be the attribute partitionkey, in a header too.
bool IsPartitionKey(const std::optional<std::string>& key) {
  return key && !key->empty() && key->size() <= kMaxPartitionKey && base::IsUtf8(*key) &&
         !base::HasControlCharacter(*key);
}

// Encodes a value as the HTTP binding of CloudEvents does.
std::string EncodeForHeader(std::string_view value) {
  std::string encoded;
  for (const char c : value) {
    if (c <= 0x20 || c > 0x7e || c == '"' || c == '%') {
      base::AppendPercentEncoded(encoded, c);
    } else {
      encoded += c;
    }
  }
  return encoded;
}

void AppendJsonString(std::string& json, std::string_view name, std::string_view value) {
  json.append(json.size() > 1 ? ",\"" : "\"").append(name).append("\":\"");
  base::AppendJsonEscaped(json, value);
  json += '"';
}

}  // namespace

EventBuilder::EventBuilder(const config::EndpointConfig& endpoint, JsonPaths& paths)
    : config_(endpoint.cloud_events),
      default_content_type_(endpoint.default_content_type),
      value_is_data_(!endpoint.body),
      type_(config_.type, Place::kHeader, "cloudevents.type", paths),
      source_(config_.source, Place::kTarget, "cloudevents.source", paths) {}

RecordEvent EventBuilder::Read(const Record& record) const {
  RecordEvent event;
  int named = 0;  // headers with the name of an attribute
  // Kafka allows repeated headers; the last one counts.
  for (const RecordHeader& header : record.headers) {
    if (base::EqualIgnoringCase(header.name, kContentType)) {
      event.content_type = MediaType(header.value);
    }
    if (!config::IsEventHeader(config_, header.name)) continue;
    ++named;
    const std::string_view name = std::string_view(header.name).substr(3);
    if (header.name.starts_with("ce_") && IsAttributeName(name)) {
      event.attributes.erase(name);
      if (header.value && base::IsUtf8(*header.value)) {
        event.attributes.emplace(name, *header.value);
        continue;
      }
    }
    ++event.headers_left_out;
  }
  if (!value_is_data_) event.content_type.clear();
  if (record.value && IsStructuredType(event.content_type)) {
    event.form = Form::kStructured;
  } else if (HasRequired(event.attributes)) {
    event.form = Form::kBinary;
    const auto type = event.attributes.extract(kDataType);
    if (type && value_is_data_ && event.content_type.empty()) {
      event.content_type = MediaType(type.mapped());
    }
    return event;
  } else {
    event.content_type.clear();
  }
  event.attributes.clear();
  event.headers_left_out = named;
  return event;
}

bool EventBuilder::WrapsData(const RecordEvent& event, bool deletes) const {
  return config_.mode == Mode::kStructured && event.form != Form::kStructured && !deletes;
}

std::optional<RecordFault> EventBuilder::Apply(RecordEvent event, const Record& record,
                                               bool deletes, RecordLookup& lookup,
                                               Request& request) const {
  Headers& headers = request.headers;
  if (event.form == Form::kNone) {
    if (auto fault = MakeAttributes(record, lookup, event.attributes)) return fault;
  }
  std::string type = std::move(event.content_type);
  if (type.empty()) type = headers.Find(kContentType).value_or("");
  if (WrapsData(event, deletes)) {
    const bool has_data = record.value || !value_is_data_;
    std::string json = ToJson(event.attributes, std::move(type),
                              has_data ? std::optional(request.Body()) : std::nullopt);
    request.body = std::move(json);
    type = kStructuredType;
  } else {
    for (const auto& [name, value] : event.attributes) {
      headers.Add("ce-" + std::string(name), EncodeForHeader(value));
    }
  }
  if (!type.empty()) headers.Set(kContentType, type);
  return std::nullopt;
}

std::optional<RecordFault> EventBuilder::MakeAttributes(const Record& record, RecordLookup& lookup,
                                                        EventAttributes& attributes) const {
  std::string& type = attributes["type"];
  if (auto fault = type_.Render(lookup, type)) return fault;
  if (type.empty()) return RecordFault{"cloudevents.type would be empty"};
  if (!base::IsUtf8(type)) return RecordFault{"cloudevents.type would not be UTF-8"};
  std::string& source = attributes["source"];
  if (auto fault = source_.Render(lookup, source)) return fault;
  if (source.size() > kMaxAttribute) {
    return RecordFault{
        fmt::format("cloudevents.source would be longer than {} bytes", kMaxAttribute)};
  }
  attributes["specversion"] = "1.0";
  attributes["id"] = fmt::format("{}/{}", record.topic_partition.partition, record.offset);
  if (record.timestamp) {
    if (auto time = FormatTime(*record.timestamp)) attributes["time"] = std::move(*time);
  }
  if (IsPartitionKey(record.key)) attributes["partitionkey"] = *record.key;
  return std::nullopt;
}

// The data is a JSON value, a text or, in base64, bytes. A value that is said to be JSON and is
// none goes in base64, because receivers take a text of that type for a JSON string.
std::string EventBuilder::ToJson(const EventAttributes& attributes, std::string type,
                                 std::optional<std::string_view> data) const {
  if (!base::IsUtf8(type)) type.clear();
  const bool is_said_json = config::IsJsonTextType(type);
  const bool is_json = data && (is_said_json || type.empty()) && base::IsJson(*data);
  const bool is_text = data && !is_json && !is_said_json && base::IsUtf8(*data);
  if (data && type.empty()) {
    type = is_json   ? "application/json"
           : is_text ? default_content_type_
                     : "application/octet-stream";
  }
  std::string json = "{";
  for (const auto& [name, value] : attributes) AppendJsonString(json, name, value);
  if (!type.empty()) AppendJsonString(json, kDataType, type);
  if (is_json) {
    json.append(",\"data\":").append(*data);
  } else if (is_text) {
    AppendJsonString(json, "data", *data);
  } else if (data) {
    AppendJsonString(json, "data_base64", base::Base64Encode(*data));
  }
  return json += '}';
}

}  // namespace khs::request
