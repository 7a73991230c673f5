#include "rest/request_head.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "request/header_syntax.h"

namespace khs::rest {
namespace {

using request::EqualIgnoringCase;

using Refused = base::Unexpected<Rejection>;

Refused Bad(const char* reason) { return Refused({400, reason}); }

// Of these a second one is an error, and not a part of a list.
constexpr std::array<std::string_view, 6> kOnce{
    "host", "content-length", "transfer-encoding", "content-type", "authorization", "expect"};

bool IsControl(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// Without its CRLF; `rest` then begins with the next one.
std::string_view TakeLine(std::string_view& rest) {
  const size_t end = std::min(rest.find("\r\n"), rest.size());
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 2, rest.size()));
  return line;
}

bool HasToken(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    const size_t end = std::min(list.find(','), list.size());
    if (EqualIgnoringCase(request::TrimBlanks(list.substr(0, end)), token)) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

// What RFC 3986 allows in host and port, and nothing that could end a URL's authority.
bool IsHost(std::string_view host) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%!$&'()*+,;=:[]";
  return host.find_first_not_of(kAllowed) == std::string_view::npos;
}

// Splits a target into path and query, and takes the host from an absolute one.
const char* ParseTarget(std::string_view target, Request& request) {
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

base::Expected<RequestHead, Rejection> ParseRequestLine(std::string_view line) {
  const size_t first = line.find(' ');
  const size_t second = line.find(' ', first + 1);
  if (first == std::string_view::npos || second == std::string_view::npos) {
    return Bad("The request line is malformed");
  }
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, second - first - 1);
  const std::string_view version = line.substr(second + 1);
  if (!request::IsFieldName(method)) return Bad("The method is malformed");
  constexpr std::string_view kHttp = "HTTP/";
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (version.size() != kHttp.size() + 3 || !version.starts_with(kHttp) ||
      !is_digit(version[kHttp.size()]) || version[kHttp.size() + 1] != '.' ||
      !is_digit(version.back())) {
    return Bad("The version is malformed");
  }
  if (version[kHttp.size()] != '1') return Refused({505, "Only HTTP/1.1 and HTTP/1.0 are spoken"});
  RequestHead head;
  head.http_1_1 = version.back() != '0';
  head.request.method = method;
  if (target.empty() || target.find('\t') != std::string_view::npos) {
    return Bad("The request line is malformed");
  }
  if (const char* reason = ParseTarget(target, head.request)) return Bad(reason);
  return head;
}

base::Expected<size_t, Rejection> ParseLength(std::string_view text, size_t limit) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) {
    return Bad("Content-Length is not a number");
  }
  size_t length = 0;
  for (const char digit : text) {
    length = length * 10 + static_cast<size_t>(digit - '0');
    if (length > limit) return Refused({413, "The body is larger than may be"});
  }
  return length;
}

using Fields = std::map<std::string, std::string>;

const std::string* Find(const Fields& fields, const std::string& name) {
  const auto found = fields.find(name);
  return found == fields.end() ? nullptr : &found->second;
}

std::optional<Rejection> ReadFraming(const Fields& fields, const Limits& limits,
                                     RequestHead& head) {
  const std::string* length = Find(fields, "content-length");
  if (const std::string* encoding = Find(fields, "transfer-encoding")) {
    if (length != nullptr) return Rejection{400, "Content-Length beside Transfer-Encoding"};
    if (!head.http_1_1) return Rejection{400, "Transfer-Encoding in HTTP/1.0"};
    if (!EqualIgnoringCase(*encoding, "chunked")) {
      return Rejection{501, "Of transfer encodings only chunked is understood"};
    }
    head.chunked = true;
  } else if (length != nullptr) {
    const auto bytes = ParseLength(*length, limits.body_bytes);
    if (!bytes) return bytes.error();
    head.content_length = *bytes;
  }
  return std::nullopt;
}

std::optional<Rejection> ReadConnection(const Fields& fields, RequestHead& head) {
  const std::string* host = Find(fields, "host");
  if (host == nullptr && head.http_1_1) return Rejection{400, "Host is missing"};
  if (host != nullptr && !IsHost(*host)) return Rejection{400, "Host is malformed"};

  const std::string* connection = Find(fields, "connection");
  const auto says = [connection](std::string_view token) {
    return connection != nullptr && HasToken(*connection, token);
  };
  head.keep_alive = !says("close") && (head.http_1_1 || says("keep-alive"));

  if (const std::string* expect = Find(fields, "expect")) {
    if (!EqualIgnoringCase(*expect, "100-continue")) {
      return Rejection{417, "Only 100-continue may be expected"};
    }
    head.expects_continue = head.http_1_1;
  }
  return std::nullopt;
}

}  // namespace

base::Expected<std::optional<size_t>, Rejection> HeadScanner::Scan(std::string_view bytes) {
  for (; scanned_ < bytes.size(); ++scanned_) {
    if (scanned_ >= limits_->head_bytes) return Refused({431, "The head is larger than may be"});
    if (line_ == 0 && scanned_ >= limits_->request_line_bytes) {
      return Refused({414, "The request line is longer than may be"});
    }
    const char c = bytes[scanned_];
    if (c == '\r') {
      if (scanned_ + 1 == bytes.size()) return std::nullopt;  // looked at again with what follows
      if (bytes[scanned_ + 1] != '\n') return Bad("A CR stands alone");
      const bool empty = scanned_ == line_;
      ++scanned_;
      if (empty) return scanned_ + 1;
      line_ = scanned_ + 1;
    } else if (c == '\n') {
      return Bad("A line ends without CR");
    } else if (c != '\t' && IsControl(c)) {
      return Bad("A control character in the head");
    }
  }
  return std::nullopt;
}

base::Expected<RequestHead, Rejection> ParseRequestHead(std::string_view head,
                                                        const Limits& limits) {
  auto parsed = ParseRequestLine(TakeLine(head));
  if (!parsed) return parsed;
  Fields fields;
  size_t count = 0;
  for (std::string_view line = TakeLine(head); !line.empty(); line = TakeLine(head)) {
    if (++count > limits.head_fields) return Refused({431, "More headers than may be"});
    // Also of a folded line, and of a blank before the colon.
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || !request::IsFieldName(line.substr(0, colon))) {
      return Bad("A header is malformed");
    }
    const std::string_view value = request::TrimBlanks(line.substr(colon + 1));
    const auto [field, is_new] = fields.emplace(Lower(line.substr(0, colon)), value);
    if (is_new) continue;
    if (std::find(kOnce.begin(), kOnce.end(), field->first) != kOnce.end()) {
      return Bad("A header is given twice");
    }
    field->second.append(", ").append(value);
  }
  if (const auto rejection = ReadFraming(fields, limits, *parsed)) return Refused(*rejection);
  if (const auto rejection = ReadConnection(fields, *parsed)) return Refused(*rejection);
  parsed->request.headers.merge(fields);  // an absolute target's host stays
  return parsed;
}

}  // namespace khs::rest
