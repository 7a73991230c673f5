#include "request/builder.h"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>

#include "base/encoding.h"
#include "base/header_syntax.h"
#include "config/reserved_headers.h"
#include "request/target.h"
#include "request/trace_context.h"

namespace khs::request {
namespace {

using base::EqualIgnoringCase;
using base::IsConnectionHeader;
using base::IsFieldName;
using base::IsFieldValue;
using base::IsSameForCgi;
using config::IsRecordHeader;

constexpr std::string_view kContentType = "Content-Type";
constexpr std::string_view kTraceId = "X-B3-TraceId";
constexpr std::string_view kTraceParent = "traceparent";
constexpr std::string_view kTraceState = "tracestate";
constexpr size_t kMaxEncodedKey = 1024;
constexpr size_t kUsualHeaderBytes = 1024;
constexpr size_t kTraceIdDigits = 16;
constexpr size_t kMaxTraceId = 128;  // B3 trace ids have at most 32 digits

// Returns whether the request continues what a header of the record says.
bool IsTraceHeader(std::string_view name) {
  return EqualIgnoringCase(name, kTraceId) || EqualIgnoringCase(name, kTraceParent) ||
         EqualIgnoringCase(name, kTraceState);
}

// Returns nothing when the encoded key is too long for a header.
std::optional<std::string> EncodeKey(std::string_view key) {
  std::string encoded;
  for (const char c : key) {
    if (base::IsUnreserved(c)) {
      encoded += c;
    } else {
      base::AppendPercentEncoded(encoded, c);
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
      base::AppendPercentEncoded(encoded, c);
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

bool IsCredential(const config::EndpointConfig& endpoint, std::string_view name) {
  return !endpoint.auth.header_name.empty() && IsSameForCgi(endpoint.auth.header_name, name);
}

bool MayForward(const delivery::RecordHeader& header) {
  return IsFieldName(header.name) && IsFieldValue(header.value ? *header.value : std::string()) &&
         !IsConnectionHeader(header.name);
}

// Content-Type, Content-Encoding and so on are about the record's value. They don't hold for a body
// from a template.
bool DescribesBody(std::string_view name) {
  constexpr std::string_view kPrefix = "Content-";
  return IsSameForCgi(name.substr(0, kPrefix.size()), kPrefix);
}

// `is_wrapped`: the body of the request contains the value.
void AppendForwarded(const config::EndpointConfig& endpoint, const delivery::Record& record,
                     bool is_wrapped, Request& request) {
  // HTTP allows one Content-Type; the record's last one counts.
  const delivery::RecordHeader* type = nullptr;
  for (const delivery::RecordHeader& header : record.headers) {
    if (config::IsEventHeader(endpoint.cloud_events, header.name)) continue;  // EventBuilder's
    const bool is_type = EqualIgnoringCase(header.name, kContentType);
    const bool is_for_other_body =
        (endpoint.body || (is_wrapped && !is_type)) && DescribesBody(header.name);
    const bool is_reserved = config::IsSignatureHeader(endpoint.signature, header.name) ||
                             IsCredential(endpoint, header.name);
    if (!MayForward(header) || is_for_other_body || is_reserved) {
      ++request.headers_left_out;
    } else if (is_type) {
      type = &header;
    } else if (IsRecordHeader(header.name)) {
      if (!IsTraceHeader(header.name)) ++request.headers_left_out;
    } else if (!IsConfigured(endpoint, header.name)) {
      request.headers.Add(header.name, header.value ? *header.value : std::string_view());
    }
  }
  if (type != nullptr && !IsConfigured(endpoint, type->name)) {
    request.headers.Add(type->name, type->value ? *type->value : std::string_view());
  }
}

void AppendDefaults(const config::EndpointConfig& endpoint, Headers& headers) {
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

// Returns path and query of a URL with templates, which begins with a literal host.
config::Template WithoutHost(const config::Template& url) {
  std::vector<config::Template::Part> parts = url.parts();
  const base::Secret first = std::get<base::Secret>(parts.front());
  const std::string_view target = TargetOf(first.Reveal());
  parts.front() = base::Secret(std::string(target.starts_with('/') ? "" : "/").append(target));
  return config::Template(std::move(parts));
}

// Returns the part of the URL with the credentials, if the query has some. `target` is the rest.
std::string CredentialsForQuery(const config::EndpointConfig& endpoint, std::string_view target) {
  const std::string& query = endpoint.auth.query.Reveal();
  if (query.empty()) return {};
  return (target.find('?') == std::string_view::npos ? '?' : '&') + query;
}

void ValidateHeaders(const config::EndpointConfig& endpoint) {
  if (IsRecordHeader(endpoint.auth.header_name)) {
    throw std::runtime_error("api.key.name: " + endpoint.auth.header_name +
                             " describes the record, and cannot be another header");
  }
  for (const auto& [name, value] : endpoint.headers) {
    if (!IsFieldName(name)) {
      throw std::runtime_error("callback.request.headers: \"" + name + "\" is not a header's name");
    }
    // The message does not quote the value, which may be a secret.
    if (!IsFieldValue(value.constant().Reveal())) {
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
  if (endpoint_.signature.type != config::SignatureConfig::Type::kNone) {
    signer_.emplace(endpoint_.signature);
  }
  ValidateHeaders(endpoint_);
  credentials_query_ = CredentialsForQuery(endpoint_, target_);
  target_ += credentials_query_;
  CompileTemplates();
}

void Builder::CompileTemplates() {
  using Place = TemplateRenderer::Place;
  if (endpoint_.url_template.has_fields()) {
    target_.clear();
    target_renderer_.emplace(WithoutHost(endpoint_.url_template), Place::kTarget,
                             "callback.request.url", paths_);
  }
  for (const auto& [name, value] : endpoint_.headers) {
    // Host may be configured for virtual hosts. Other connection headers would break the request.
    const bool allowed = !IsConnectionHeader(name) || EqualIgnoringCase(name, "Host");
    const bool is_reserved = config::IsSignatureHeader(endpoint_.signature, name) ||
                             config::IsEventHeader(endpoint_.cloud_events, name);
    if (!allowed || IsRecordHeader(name) || is_reserved) continue;
    Header header{name, value.constant().Reveal(), {}};
    if (value.has_fields()) {
      header.renderer.emplace(value, Place::kHeader, "callback.request.headers: " + name, paths_);
    }
    headers_.push_back(std::move(header));
  }
  const config::AuthConfig& auth = endpoint_.auth;
  if (!auth.header_value.Reveal().empty()) {
    headers_.push_back({auth.header_name, auth.header_value.Reveal(), {}});
  }
  if (endpoint_.body) {
    body_renderer_.emplace(*endpoint_.body,
                           endpoint_.body_is_json ? Place::kJsonBody : Place::kBody,
                           "callback.request.body", paths_);
  }
  if (endpoint_.cloud_events.mode != config::CloudEventsConfig::Mode::kNone) {
    event_builder_.emplace(endpoint_, paths_);
  }
}

std::optional<delivery::RecordFault> Builder::AppendConfigured(RecordLookup& lookup,
                                                               Headers& headers) const {
  std::string value;
  for (const Header& header : headers_) {
    if (!header.renderer) {
      headers.Add(header.name, header.value);
      continue;
    }
    value.clear();
    if (auto fault = header.renderer->Render(lookup, value)) return fault;
    headers.Add(header.name, value);
  }
  return std::nullopt;
}

base::Expected<Request, delivery::RecordFault> Builder::Build(const delivery::Record& record,
                                                              base::WallTime now) const {
  using Fault = base::Unexpected<delivery::RecordFault>;
  RecordLookup lookup(record, paths_);
  Request request;
  const bool deletes = !record.value && null_values_ == delivery::NullValues::kDelete;
  request.method = deletes ? "DELETE" : endpoint_.method;
  request.target = target_;
  if (target_renderer_) {
    if (auto fault = target_renderer_->Render(lookup, request.target)) return Fault(*fault);
    request.target += credentials_query_;
  }
  if (body_renderer_ && !deletes) {
    auto& body = request.body.emplace<std::string>();
    if (auto fault = body_renderer_->Render(lookup, body)) return Fault(*fault);
  } else if (record.value) {
    request.body = std::string_view(*record.value);
  }
  std::optional<RecordEvent> event;
  if (event_builder_) event = event_builder_->Read(record);
  request.headers.Reserve(kUsualHeaderBytes);
  if (endpoint_.forward_kafka_headers) {
    AppendForwarded(endpoint_, record, event && event_builder_->WrapsData(*event, deletes),
                    request);
    if (event) request.headers_left_out += event->headers_left_out;
  }
  if (auto fault = AppendConfigured(lookup, request.headers)) return Fault(*fault);
  if (event) {
    auto fault = event_builder_->Apply(std::move(*event), record, deletes, lookup, request);
    if (fault) return Fault(*fault);
  }
  AppendDefaults(endpoint_, request.headers);
  AppendRecord(identity_, encoded_group_, record, request.headers);
  if (signer_) signer_->Sign(request, now);
  return request;
}

}  // namespace khs::request
