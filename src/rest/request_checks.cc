#include "rest/request_checks.h"

#include <Poco/String.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>

#include "base/header_syntax.h"

namespace khs::rest {
namespace {

using base::EqualIgnoringCase;
using Fields = std::map<std::string, std::string>;
using Rejected = base::Unexpected<Rejection>;

// Headers that must not be repeated.
constexpr std::array<std::string_view, 6> kOnce{
    "host", "content-length", "transfer-encoding", "content-type", "authorization", "expect"};

// Allows what RFC 3986 allows in host and port, and nothing that could end the authority.
bool IsHost(std::string_view host) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%!$&'()*+,;=:[]";
  return host.find_first_not_of(kAllowed) == std::string_view::npos;
}

// Splits a target into path and query, and takes the host from an absolute one.
const char* ParseTarget(std::string_view target, Request& request) {
  if (!base::IsFieldValue(target)) return "A control character in the target";
  if (target.find('#') != std::string_view::npos) return "The target has a fragment";
  if (!target.starts_with('/')) {
    if (target == "*" && request.method == "OPTIONS") {
      request.path = target;
      return nullptr;
    }
    const size_t scheme = target.find("://");
    const std::string_view name = target.substr(0, scheme);
    if (scheme == std::string_view::npos ||
        (!EqualIgnoringCase(name, "http") && !EqualIgnoringCase(name, "https"))) {
      return "The target is neither a path nor an http URL";
    }
    target.remove_prefix(scheme + 3);
    const size_t end = std::min(target.find_first_of("/?"), target.size());
    const std::string_view host = target.substr(0, end);
    if (host.empty() || !IsHost(host)) return "The target's host is malformed";
    request.headers["host"] = host;
    target.remove_prefix(end);
  }
  const size_t end = std::min(target.find('?'), target.size());
  request.path = end == 0 ? "/" : target.substr(0, end);
  request.query = target.substr(std::min(end + 1, target.size()));
  return nullptr;
}

const char* ParseFields(const Poco::Net::HTTPRequest& parsed, Fields& fields) {
  for (const auto& [name, value] : parsed) {
    if (!base::IsFieldName(name) || !base::IsFieldValue(value)) return "A header is malformed";
    const auto [field, is_new] = fields.emplace(Poco::toLower(name), value);
    if (is_new) continue;
    if (std::find(kOnce.begin(), kOnce.end(), field->first) != kOnce.end()) {
      return "A header is given twice";
    }
    field->second.append(", ").append(value);
  }
  return nullptr;
}

std::optional<Rejection> ParseLength(std::string_view text, size_t limit, size_t& length) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) {
    return Rejection{400, "Content-Length is not a number"};
  }
  for (const char digit : text) {
    length = length * 10 + static_cast<size_t>(digit - '0');
    if (length > limit) return Rejection{413, "The body is too large"};
  }
  return std::nullopt;
}

const std::string* Find(const Fields& fields, const char* name) {
  const auto found = fields.find(name);
  return found == fields.end() ? nullptr : &found->second;
}

std::optional<Rejection> ParseFraming(const Fields& fields, bool http_1_1, const Limits& limits,
                                      CheckedHead& head) {
  const std::string* length = Find(fields, "content-length");
  if (const std::string* encoding = Find(fields, "transfer-encoding")) {
    if (length != nullptr) return Rejection{400, "Content-Length beside Transfer-Encoding"};
    if (!http_1_1) return Rejection{400, "Transfer-Encoding in HTTP/1.0"};
    if (!EqualIgnoringCase(*encoding, "chunked")) {
      return Rejection{400, "Only the transfer encoding chunked is supported"};
    }
    head.chunked = true;
  } else if (length != nullptr) {
    return ParseLength(*length, limits.body_bytes, head.content_length);
  }
  return std::nullopt;
}

std::optional<Rejection> ParseConnection(const Poco::Net::HTTPRequest& parsed, const Fields& fields,
                                         bool http_1_1, CheckedHead& head) {
  const std::string* host = Find(fields, "host");
  if (host == nullptr && http_1_1) return Rejection{400, "Host is missing"};
  if (host != nullptr && !IsHost(*host)) return Rejection{400, "Host is malformed"};
  const std::string* expect = Find(fields, "expect");
  if (expect != nullptr && !EqualIgnoringCase(*expect, "100-continue")) {
    return Rejection{417, "Expect supports only 100-continue"};
  }
  head.expects_continue = expect != nullptr && http_1_1;

  constexpr std::array<std::string_view, 4> kWithoutBody{"GET", "HEAD", "DELETE", "OPTIONS"};
  const bool is_framed =
      Find(fields, "content-length") != nullptr ||
      std::find(kWithoutBody.begin(), kWithoutBody.end(), parsed.getMethod()) != kWithoutBody.end();
  head.keep_alive = is_framed && !head.chunked && !parsed.hasToken("Connection", "close") &&
                    (http_1_1 || parsed.hasToken("Connection", "keep-alive"));
  return std::nullopt;
}

}  // namespace

base::Expected<CheckedHead, Rejection> CheckRequest(const Poco::Net::HTTPRequest& parsed,
                                                    const Limits& limits) {
  const auto reject = [](int status, const char* reason) { return Rejected({status, reason}); };
  CheckedHead head;
  head.request.method = parsed.getMethod();
  if (!base::IsFieldName(parsed.getMethod())) return reject(400, "The method is malformed");
  const std::string& version = parsed.getVersion();
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    return reject(version.starts_with("HTTP/") ? 505 : 400,
                  "Only HTTP/1.1 and HTTP/1.0 are supported");
  }
  if (parsed.getURI().size() > limits.request_line_bytes) {
    return reject(414, "The request line is too long");
  }
  if (const char* reason = ParseTarget(parsed.getURI(), head.request)) return reject(400, reason);
  Fields fields;
  if (const char* reason = ParseFields(parsed, fields)) return reject(400, reason);
  const bool http_1_1 = version == "HTTP/1.1";
  if (const auto rejection = ParseFraming(fields, http_1_1, limits, head))
    return Rejected(*rejection);
  if (const auto rejection = ParseConnection(parsed, fields, http_1_1, head))
    return Rejected(*rejection);
  head.request.headers.merge(fields);  // keeps the host of an absolute target
  return head;
}

Rejection MakeRejection(std::string_view parser_error, bool is_long) {
  const auto says = [&](const char* text) { return parser_error.find(text) != std::string::npos; };
  if (is_long && says("URI")) return {414, "The request line is too long"};
  if (is_long || says("Too many")) return {431, "The head is too large"};
  return {400, "The head is malformed"};
}

}  // namespace khs::rest
