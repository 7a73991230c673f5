#include "request/builder.h"

#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>
#include <utility>

#include "base/encoding.h"
#include "request/header_syntax.h"
#include "request/target.h"
#include "request/trace_context.h"

namespace khs::request {
namespace {

constexpr std::string_view kContentType = "Content-Type";
constexpr std::string_view kTraceId = "X-B3-TraceId";
constexpr std::string_view kTraceParent = "traceparent";
constexpr std::string_view kTraceState = "tracestate";
constexpr size_t kMaxEncodedKey = 1024;
constexpr size_t kUsualHeaderBytes = 1024;
constexpr size_t kTraceIdDigits = 16;
constexpr size_t kMaxTraceId = 128;  // B3's have 32 digits at most

// What only the record may say: neither configuration nor a record's header stands in for one of
// these, not even where the record has nothing to say (no key, no timestamp).
constexpr std::array<std::string_view, 13> kRecordNames{
    "X-Kafka-Topic",  "X-Kafka-Partition", "X-Kafka-Offset", "X-Kafka-Timestamp",
    "X-Kafka-Key",    "X-Kafka-Tombstone", kTraceId,         "X-B3-SpanId",
    "X-B3-Sampled",   "X-B3-Info",         kTraceParent,     kTraceState,
    "Idempotency-Key"};

bool DescribesRecord(std::string_view name) {
  return std::any_of(kRecordNames.begin(), kRecordNames.end(),
                     [name](std::string_view known) { return ReadAsOne(name, known); });
}

void AppendPercentEncoded(std::string& out, char c) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  out += '%';
  out += kHex[byte >> 4];
  out += kHex[byte & 0x0f];
}

// Nothing when the encoded key is too long for a header.
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

// As it may stand between the quotes of an RFC 8941 string, without need of its backslash escapes.
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

// The record's own, or nothing.
std::optional<std::string_view> OwnTraceId(const delivery::Record& record) {
  // Kafka's headers may repeat, and the last of a name is the one that counts.
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
                     [name](const auto& header) { return ReadAsOne(header.first, name); });
}

bool IsFit(const delivery::RecordHeader& header) {
  return IsFieldName(header.name) && IsFieldValue(header.value ? *header.value : std::string()) &&
         !BelongsToConnection(header.name);
}

void AppendForwarded(const config::EndpointConfig& endpoint, const delivery::Record& record,
                     Request& request) {
  // A message has one type: the last of a record's counts.
  const delivery::RecordHeader* type = nullptr;
  for (const delivery::RecordHeader& header : record.headers) {
    if (!IsFit(header)) {
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
    // Host may be configured (virtual hosts); the rest of its kind would break the connection.
    const bool allowed = !BelongsToConnection(name) || EqualIgnoringCase(name, "Host");
    if (allowed && !DescribesRecord(name)) headers.Add(name, value.Reveal());
  }
  if (!endpoint.default_content_type.empty() && !headers.Has(kContentType)) {
    headers.Add(kContentType, endpoint.default_content_type);
  }
  // What an endpoint packs nobody here unpacks.
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
      OwnTraceId(record).value_or(std::string_view(derived).substr(0, kTraceIdDigits));
  const TraceContext trace = TraceOf(record.headers, derived);
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

void RequireLegalHeaders(const config::EndpointConfig& endpoint) {
  for (const auto& [name, value] : endpoint.headers) {
    if (!IsFieldName(name)) {
      throw std::runtime_error("callback.request.headers: \"" + name + "\" is not a header's name");
    }
    // Never the value: it may be a secret.
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
  RequireLegalHeaders(endpoint_);
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
