#include "http/response.h"

#include <Poco/Net/NetException.h>

#include <algorithm>
#include <charconv>
#include <istream>
#include <limits>

#include "request/header_syntax.h"

namespace khs::http {
namespace {

using Poco::Net::MessageException;
using request::EqualIgnoringCase;
using request::TrimBlanks;

// Poco looks through them all for each one.
constexpr int kMaxFields = 1'000;

// Up to what Poco can hold.
std::optional<uint64_t> ParseNumber(std::string_view digits) {
  uint64_t number = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, number);
  if (error != std::errc{} || stop != end) return std::nullopt;
  if (number > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
  return number;
}

// Calls `take` with each item of a comma-separated list.
template <class Take>
void ForEachItem(std::string_view list, Take take) {
  for (bool more = true; more;) {
    const size_t comma = list.find(',');
    more = comma != std::string_view::npos;
    take(TrimBlanks(list.substr(0, comma)));
    if (more) list.remove_prefix(comma + 1);
  }
}

bool HasToken(std::string_view list, std::string_view token) {
  bool has = false;
  ForEachItem(list, [&](std::string_view item) { has = has || EqualIgnoringCase(item, token); });
  return has;
}

// A size line of the last chunk: zeros, perhaps with extensions.
bool IsLastChunk(std::string_view line) {
  const std::string_view size = TrimBlanks(line.substr(0, line.find(';')));
  return !size.empty() && size.find_first_not_of('0') == std::string_view::npos;
}

}  // namespace

Response::Response() { setFieldLimit(kMaxFields); }

void Response::read(std::istream& in) {
  HTTPResponse::read(in);
  if (!in.good()) throw MessageException("its head is cut");
  const std::string& version = getVersion();
  const int status = getStatus();
  if (version.size() != 8 || version.compare(0, 7, "HTTP/1.") != 0 || status < 100) {
    throw MessageException("its status line is malformed");
  }
  if (status == 101) throw MessageException("it switched protocols unasked");
  if (status < 200) {
    setStatus(HTTP_CONTINUE);  // the one interim response that Poco reads on after
    return;
  }
  for (const auto& [name, value] : *this) TakeHeader(name, value);
  DecideBody();
}

// Poco keeps blanks between a name and its colon. They must not hide a header that frames.
void Response::TakeHeader(const std::string& name, const std::string& value) {
  const std::string_view trimmed = TrimBlanks(name);
  const auto is = [&](std::string_view known) { return EqualIgnoringCase(trimmed, known); };
  const bool length = is("Content-Length");
  const bool coding = is("Transfer-Encoding");
  if ((length || coding) && trimmed.size() != name.size()) {
    throw MessageException("its head is malformed");
  }
  if (length) TakeLengths(value);
  if (coding) {
    ++codings_;
    chunked_ = EqualIgnoringCase(TrimBlanks(value), "chunked");
  }
  if (is("Connection")) {
    closes_ = closes_ || HasToken(value, "close");
    stays_ = stays_ || HasToken(value, "keep-alive");
  }
  if (is("Keep-Alive")) TakeIdleTimeouts(value);
  if (is("Retry-After")) retry_after_ = value;
}

// Several that agree are one.
void Response::TakeLengths(std::string_view list) {
  ForEachItem(list, [this](std::string_view item) {
    const auto number = ParseNumber(item);
    lengths_agree_ = lengths_agree_ && number && number == length_.value_or(*number);
    length_ = number.value_or(0);
  });
}

// "timeout=5, max=100": of several timeouts the shortest; what is not a number says nothing.
void Response::TakeIdleTimeouts(std::string_view list) {
  static constexpr uint64_t kLongest = 24 * 60 * 60;
  ForEachItem(list, [this](std::string_view item) {
    const size_t equals = item.find('=');
    if (equals == std::string_view::npos) return;
    if (!EqualIgnoringCase(TrimBlanks(item.substr(0, equals)), "timeout")) return;
    const auto number = ParseNumber(TrimBlanks(item.substr(equals + 1)));
    if (!number) return;
    const std::chrono::seconds timeout(std::min(*number, kLongest));
    idle_timeout_ = std::min(idle_timeout_.value_or(timeout), timeout);
  });
}

void Response::DecideBody() {
  keeps_alive_ = !closes_ && (getVersion().back() != '0' || stays_);
  if (getStatus() == HTTP_NO_CONTENT || getStatus() == HTTP_NOT_MODIFIED) {
    // A 304 may tell the length of what it does not send, and a careless 204 sends what it must
    // not: where the next response begins is certain only when no body was announced.
    keeps_alive_ = keeps_alive_ && codings_ == 0 && length_.value_or(0) == 0 && lengths_agree_;
  } else if (codings_ > 0) {
    if (codings_ > 1 || !chunked_) throw MessageException("its Transfer-Encoding is not chunked");
    body_ = Body::kChunked;
    erase(TRANSFER_ENCODING);  // which may have been folded
    setChunkedTransferEncoding(true);
    // With both headers one of them is wrong: good for this response, not for another one.
    keeps_alive_ = keeps_alive_ && !length_;
  } else if (length_) {
    if (!lengths_agree_) throw MessageException("its Content-Length is not one number");
    body_ = Body::kSized;
    size_ = *length_;
    erase(CONTENT_LENGTH);
    set(CONTENT_LENGTH, std::to_string(size_));
  } else {
    body_ = Body::kUntilClose;
    keeps_alive_ = false;
  }
}

// Without trailers an empty line follows the last chunk. Of trailers Poco reads the first line or
// all, as its version is.
ChunksEnd HowChunksEnd(std::string_view read) {
  bool has_trailers = false;
  for (bool is_last = true; read.ends_with('\n'); is_last = false) {
    read.remove_suffix(1);
    const size_t begin = read.rfind('\n') + 1;  // 0 when there is none
    const std::string_view line = read.substr(begin, read.find_last_not_of('\r') + 1 - begin);
    if (!is_last && IsLastChunk(line)) {
      return has_trailers ? ChunksEnd::kWithTrailers : ChunksEnd::kWhole;
    }
    if (line.find(':') != std::string_view::npos) {
      has_trailers = true;
    } else if (!is_last || !line.empty()) {
      break;
    }
    read = read.substr(0, begin);
  }
  return ChunksEnd::kMalformed;
}

}  // namespace khs::http
