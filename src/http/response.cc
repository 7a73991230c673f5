#include "http/response.h"

#include <Poco/Net/NetException.h>

#include <algorithm>
#include <charconv>
#include <istream>
#include <limits>

#include "base/header_syntax.h"

namespace khs::http {
namespace {

using base::EqualIgnoringCase;
using base::TrimBlanks;
using Poco::Net::MessageException;

// Poco's cost is quadratic in their number.
constexpr int kMaxFields = 1'000;

// Returns nothing for what is not a number or exceeds Poco's type.
std::optional<uint64_t> ParseNumber(std::string_view digits) {
  uint64_t number = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, number);
  if (error != std::errc{} || stop != end) return std::nullopt;
  if (number > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
  return number;
}

// Calls `handle` with each item of a comma-separated list.
template <class Handle>
void ForEachItem(std::string_view list, Handle handle) {
  for (bool more = true; more;) {
    const size_t comma = list.find(',');
    more = comma != std::string_view::npos;
    handle(TrimBlanks(list.substr(0, comma)));
    if (more) list.remove_prefix(comma + 1);
  }
}

bool HasToken(std::string_view list, std::string_view token) {
  bool has = false;
  ForEachItem(list, [&](std::string_view item) { has = has || EqualIgnoringCase(item, token); });
  return has;
}

// Returns whether a line is the size line of the last chunk: zeros, perhaps with extensions.
bool IsLastChunk(std::string_view line) {
  const std::string_view size = TrimBlanks(line.substr(0, line.find(';')));
  return !size.empty() && size.find_first_not_of('0') == std::string_view::npos;
}

}  // namespace

Response::Response() { setFieldLimit(kMaxFields); }

void Response::read(std::istream& in) {
  clear();
  content_ = {};
  HTTPResponse::read(in);
  if (!in.good()) throw MessageException("its head is incomplete");
  const std::string& version = getVersion();
  const int status = getStatus();
  if (version.size() != 8 || version.compare(0, 7, "HTTP/1.") != 0 || status < 100) {
    throw MessageException("its status line is malformed");
  }
  if (status == 101) throw MessageException("it switched protocols without being asked");
  if (status < 200) {
    setStatus(HTTP_CONTINUE);  // Poco skips no other interim response
    return;
  }
  for (const auto& [name, value] : *this) ReadHeader(name, value);
  DecideBody();
}

// Poco keeps blanks between a name and its colon. They must not hide a header that frames.
void Response::ReadHeader(const std::string& name, const std::string& value) {
  const std::string_view trimmed = TrimBlanks(name);
  const auto is = [&](std::string_view known) { return EqualIgnoringCase(trimmed, known); };
  const bool length = is("Content-Length");
  const bool coding = is("Transfer-Encoding");
  if ((length || coding) && trimmed.size() != name.size()) {
    throw MessageException("its head is malformed");
  }
  if (length) ReadContentLengths(value);
  if (coding) {
    ++content_.codings;
    content_.chunked = EqualIgnoringCase(TrimBlanks(value), "chunked");
  }
  if (is("Connection")) {
    content_.says_close = content_.says_close || HasToken(value, "close");
    content_.says_keep_alive = content_.says_keep_alive || HasToken(value, "keep-alive");
  }
  if (is("Keep-Alive")) ReadIdleTimeouts(value);
  if (is("Retry-After")) content_.retry_after = value;
}

// Repeated lengths are valid when they are equal.
void Response::ReadContentLengths(std::string_view list) {
  ForEachItem(list, [this](std::string_view item) {
    const auto number = ParseNumber(item);
    content_.lengths_agree =
        content_.lengths_agree && number && number == content_.length.value_or(*number);
    content_.length = number.value_or(0);
  });
}

// Takes the shortest timeout of lists like "timeout=5, max=100", and ignores what is not a number.
void Response::ReadIdleTimeouts(std::string_view list) {
  static constexpr uint64_t kLongest = 24 * 60 * 60;
  ForEachItem(list, [this](std::string_view item) {
    const size_t equals = item.find('=');
    if (equals == std::string_view::npos) return;
    if (!EqualIgnoringCase(TrimBlanks(item.substr(0, equals)), "timeout")) return;
    const auto number = ParseNumber(TrimBlanks(item.substr(equals + 1)));
    if (!number) return;
    const std::chrono::seconds timeout(std::min(*number, kLongest));
    content_.idle_timeout = std::min(content_.idle_timeout.value_or(timeout), timeout);
  });
}

void Response::DecideBody() {
  content_.keeps_alive =
      !content_.says_close && (getVersion().back() != '0' || content_.says_keep_alive);
  if (getStatus() == HTTP_NO_CONTENT || getStatus() == HTTP_NOT_MODIFIED) {
    // A 304 may have the Content-Length of a body that it does not send, and an incorrect 204 may
    // send a body. The start of the next response is certain only when no body was announced.
    content_.keeps_alive = content_.keeps_alive && content_.codings == 0 &&
                           content_.length.value_or(0) == 0 && content_.lengths_agree;
  } else if (content_.codings > 0) {
    if (content_.codings > 1 || !content_.chunked)
      throw MessageException("its Transfer-Encoding is not chunked");
    content_.body = Body::kChunked;
    // One of the two headers is wrong, so the connection must not be reused.
    content_.keeps_alive = content_.keeps_alive && !content_.length;
  } else if (content_.length) {
    if (!content_.lengths_agree) throw MessageException("its Content-Length is not one number");
    content_.body = Body::kSized;
  } else {
    content_.body = Body::kUntilClose;
    content_.keeps_alive = false;
  }
}

// Reads the lines backwards, to the last chunk's size line. An empty line follows it, or trailers,
// of which Poco reads the first line or all, depending on its version.
ChunksEnd ParseChunksEnd(std::string_view response) {
  bool has_trailers = false;
  for (bool is_last = true; response.ends_with('\n'); is_last = false) {
    response.remove_suffix(1);
    const size_t begin = response.rfind('\n') + 1;  // 0 when there is none
    const std::string_view line =
        response.substr(begin, response.find_last_not_of('\r') + 1 - begin);
    if (!is_last && IsLastChunk(line)) {
      return has_trailers ? ChunksEnd::kWithTrailers : ChunksEnd::kWhole;
    }
    if (line.find(':') != std::string_view::npos) {
      has_trailers = true;
    } else if (!is_last || !line.empty()) {
      break;
    }
    response = response.substr(0, begin);
  }
  return ChunksEnd::kMalformed;
}

}  // namespace khs::http
