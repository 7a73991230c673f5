#include "request/builder.h"

#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>
#include <utility>

#include "base/encoding.h"
#include "base/header_syntax.h"
#include "request/target.h"
#include "request/trace_context.h"

namespace khs::request {
namespace {

using base::EqualIgnoringCase;
using base::IsConnectionHeader;
using base::IsFieldName;
using base::IsFieldValue;
using base::IsSameForCgi;

constexpr std::string_view kContentType = "Content-Type";
constexpr std::string_view kTraceId = "X-B3-TraceId";
constexpr std::string_view kTraceParent = "traceparent";
constexpr std::string_view kTraceState = "tracestate";
constexpr size_t kMaxEncodedKey = 1024;
constexpr size_t kUsualHeaderBytes = 1024;
constexpr size_t kTraceIdDigits = 16;
constexpr size_t kMaxTraceId = 128;  // B3 trace ids have at most 32 digits

// Headers that describe the record. Neither configuration nor forwarded headers may set them, not
// even when the record lacks the value (no key, no timestamp).
constexpr std::array<std::string_view, 13> kRecordNames{
    "X-Kafka-Topic",  "X-Kafka-Partition", "X-Kafka-Offset", "X-Kafka-Timestamp",
    "X-Kafka-Key",    "X-Kafka-Tombstone", kTraceId,         "X-B3-SpanId",
    "X-B3-Sampled",   "X-B3-Info",         kTraceParent,     kTraceState,
    "Idempotency-Key"};

bool DescribesRecord(std::string_view name) {
  return std::any_of(kRecordNames.begin(), kRecordNames.end(),
                     [name](std::string_view known) { return IsSameForCgi(name, known); });
}

void AppendPercentEncoded(std::string& out, char c) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  out += '%';
  out += kHex[byte >> 4];
  out += kHex[byte & 0x0f];
}

// Returns nothing when the encoded key is too long for a header.
std::optional<std::string> EncodeKey(std::string_view key) {
  std::string encoded;
  for (const char c : key) {
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                            (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
    if (unreserved) {
      encoded += c;
    } else {
      AppendPercentEncoded(encoded, c);
    }
    if (encoded.size() > kMaxEncodedKey) return std::nullopt;
  }
  return encoded;
}

// Percent-encodes what an RFC 8941 string cannot contain or would have to escape.
std::string EncodeForString(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    if (c < 0x20 || c > 0x7e || c == '"' || c == '\\' || c == '%') {
      AppendPercentEncoded(encoded, c);
    } else {
      encoded += c;
    }
  }
  return encoded;
}

// Returns the trace id in the record's headers if it is usable.
std::optional<std::string_view> RecordTraceId(const delivery::Record& record) {
  // Kafka allows repeated headers; the last one counts.
  const auto own = std::find_if(record.headers.rbegin(), record.headers.rend(),
                                [](const delivery::RecordHeader& header) {
                                  return EqualIgnoringCase(header.name, kTraceId);
                                });
  if (own == record.headers.rend() || !own->value || own->value->empty() ||
      own->value->size() > kMaxTraceId || !IsFieldValue(*own->value)) {
    return std::nullopt;
  }
  return *own->value;
}

bool IsConfigured(const config::EndpointConfig& endpoint, std::string_view name) {
  return std::any_of(endpoint.headers.begin(), endpoint.headers.end(),
                     [name](const auto& header) { return IsSameForCgi(header.first, name); });
}

bool MayForward(const delivery::RecordHeader& header) {
  return IsFieldName(header.name) && IsFieldValue(header.value ? *header.value : std::string()) &&
         !IsConnectionHeader(header.name);
}

void AppendForwarded(const config::EndpointConfig& endpoint, const delivery::Record& record,
                     Request& request) {
  // HTTP allows one Content-Type; the record's last one counts.
  const delivery::RecordHeader* type = nullptr;
  for (const delivery::RecordHeader& header : record.headers) {
    if (!MayForward(header)) {
      ++request.headers_left_out;
    } else if (EqualIgnoringCase(header.name, kContentType)) {
      type = &header;
    } else if (!DescribesRecord(header.name) && !IsConfigured(endpoint, header.name)) {
      request.headers.Add(header.name, header.value ? *header.value : std::string_view());
    }
  }
  if (type != nullptr && !IsConfigured(endpoint, type->name)) {
    request.headers.Add(type->name, type->value ? *type->value : std::string_view());
  }
}

void AppendConfigured(const config::EndpointConfig& endpoint, Headers& headers) {
  for (const auto& [name, value] : endpoint.headers) {
    // Host may be configured for virtual hosts. Other connection headers would break the request.
    const bool allowed = !IsConnectionHeader(name) || EqualIgnoringCase(name, "Host");
    if (allowed && !DescribesRecord(name)) headers.Add(name, value.Reveal());
  }
  if (!endpoint.default_content_type.empty() && !headers.Has(kContentType)) {
    headers.Add(kContentType, endpoint.default_content_type);
  }
  // Compressed responses are not supported.
  if (!headers.Has("Accept-Encoding")) headers.Add("Accept-Encoding", "identity");
  if (!headers.Has("User-Agent")) headers.Add("User-Agent", "kafka-http-sink/" KHS_VERSION);
}

void AppendRecord(const Identity& identity, std::string_view encoded_group,
                  const delivery::Record& record, Headers& headers) {
  const std::string& topic = record.topic_partition.topic;
  const std::string partition = std::to_string(record.topic_partition.partition);
  const std::string offset = std::to_string(record.offset);
  const std::string derived = base::Md5Hex(identity.connector + topic + partition + offset);
  const std::string_view trace_id =
      RecordTraceId(record).value_or(std::string_view(derived).substr(0, kTraceIdDigits));
  const TraceContext trace = MakeTraceContext(record.headers, derived);
  headers.Add("X-Kafka-Topic", topic);
  headers.Add("X-Kafka-Partition", partition);
  headers.Add("X-Kafka-Offset", offset);
  if (record.timestamp) {
    headers.Add("X-Kafka-Timestamp", std::to_string(record.timestamp->count()));
  }
  if (record.key) {
    if (const auto encoded = EncodeKey(*record.key)) headers.Add("X-Kafka-Key", *encoded);
  }
  if (!record.value) headers.Add("X-Kafka-Tombstone", "true");
  headers.Add(kTraceId, trace_id);
  headers.Add("X-B3-SpanId", trace_id);
  headers.Add("X-B3-Sampled", "Defer");
  headers.Add("X-B3-Info", {"topic=", topic, "|partition=", partition, "|offset=", offset});
  headers.Add(kTraceParent, trace.parent);
  if (!trace.state.empty()) headers.Add(kTraceState, trace.state);
  headers.Add("Idempotency-Key",
              {"\"", encoded_group, "/", topic, "/", partition, "/", offset, "\""});
}

void ValidateHeaders(const config::EndpointConfig& endpoint) {
  for (const auto& [name, value] : endpoint.headers) {
    if (!IsFieldName(name)) {
      throw std::runtime_error("callback.request.headers: \"" + name + "\" is not a header's name");
    }
    // The message does not quote the value, which may be a secret.
    if (!IsFieldValue(value.Reveal())) {
      throw std::runtime_error("callback.request.headers: the value of " + name +
                               " holds a character that HTTP forbids");
    }
  }
}

}  // namespace

Builder::Builder(config::EndpointConfig endpoint, Identity identity,
                 delivery::NullValues null_values)
    : endpoint_(std::move(endpoint)),
      identity_(std::move(identity)),
      null_values_(null_values),
      encoded_group_(EncodeForString(identity_.group)),
      target_(ParseTarget(endpoint_.url.Reveal()).path) {
  ValidateHeaders(endpoint_);
}

Request Builder::Build(const delivery::Record& record) const {
  Request request;
  const bool deletes = !record.value && null_values_ == delivery::NullValues::kDelete;
  request.method = deletes ? "DELETE" : endpoint_.method;
  request.target = target_;
  if (record.value) request.body = *record.value;
  request.headers.Reserve(kUsualHeaderBytes);
  if (endpoint_.forward_kafka_headers) AppendForwarded(endpoint_, record, request);
  AppendConfigured(endpoint_, request.headers);
  AppendRecord(identity_, encoded_group_, record, request.headers);
  return request;
}

}  // namespace khs::request
