#include "http/response_framing.h"

#include <algorithm>
#include <charconv>

#include "request/header_syntax.h"

namespace khs::http {
namespace {

constexpr std::string_view kBlank = " \t";

std::string_view Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// Calls `take` with each item of several comma-separated lists.
template <class Take>
void ForEachItem(const std::vector<std::string_view>& lists, Take take) {
  for (std::string_view list : lists) {
    while (!list.empty()) {
      const size_t comma = list.find(',');
      take(Trim(list.substr(0, comma)));
      list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
    }
  }
}

bool HasToken(const std::vector<std::string_view>& lists, std::string_view token) {
  bool has = false;
  ForEachItem(lists,
              [&](std::string_view item) { has = has || request::EqualIgnoringCase(item, token); });
  return has;
}

std::optional<uint64_t> ParseNumber(std::string_view digits, int base) {
  uint64_t number = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, number, base);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return number;
}

bool KeepsAlive(const FramingHeaders& headers) {
  if (HasToken(headers.connection, "close")) return false;
  return headers.http_1_1 || HasToken(headers.connection, "keep-alive");
}

// "timeout=5, max=100": of several timeouts the shortest; what is not a number says nothing.
std::optional<std::chrono::seconds> IdleTimeout(const FramingHeaders& headers) {
  constexpr uint64_t kLongest = 24 * 60 * 60;
  std::optional<std::chrono::seconds> shortest;
  ForEachItem(headers.keep_alive, [&](std::string_view item) {
    const size_t equals = item.find('=');
    if (equals == std::string_view::npos) return;
    if (!request::EqualIgnoringCase(Trim(item.substr(0, equals)), "timeout")) return;
    const auto number = ParseNumber(Trim(item.substr(equals + 1)), 10);
    if (!number) return;
    const std::chrono::seconds timeout(std::min(*number, kLongest));
    shortest = std::min(shortest.value_or(timeout), timeout);
  });
  return shortest;
}

// A 304 may tell the length of what it does not send, and a careless 204 sends what it must not:
// where the next answer begins is certain only when no body was announced.
bool AnnouncesBody(const FramingHeaders& headers) {
  return !headers.transfer_encoding.empty() ||
         std::any_of(headers.content_length.begin(), headers.content_length.end(),
                     [](std::string_view value) { return ParseNumber(Trim(value), 10) != 0u; });
}

}  // namespace

base::Expected<Framing, std::string> DecideFraming(const FramingHeaders& headers) {
  Framing framing;
  framing.keeps_alive = KeepsAlive(headers);
  framing.idle_timeout = IdleTimeout(headers);
  if (headers.status == 204 || headers.status == 304) {
    framing.keeps_alive = framing.keeps_alive && !AnnouncesBody(headers);
    return framing;
  }
  if (!headers.transfer_encoding.empty()) {
    if (headers.transfer_encoding.size() > 1 ||
        !request::EqualIgnoringCase(Trim(headers.transfer_encoding.front()), "chunked")) {
      return base::Unexpected<std::string>("its Transfer-Encoding is not chunked");
    }
    framing.body = Framing::Body::kChunked;
    // With both headers one of them is wrong: good for this answer, not for another one.
    framing.keeps_alive = framing.keeps_alive && headers.content_length.empty();
    return framing;
  }
  if (headers.content_length.empty()) {
    framing.body = Framing::Body::kUntilClose;
    framing.keeps_alive = false;
    return framing;
  }
  framing.body = Framing::Body::kSized;
  for (const std::string_view value : headers.content_length) {
    const auto size = ParseNumber(Trim(value), 10);
    const bool first = value.data() == headers.content_length.front().data();
    if (!size || (!first && *size != framing.size)) {
      return base::Unexpected<std::string>("its Content-Length is not one number");
    }
    framing.size = *size;
  }
  return framing;
}

std::optional<uint64_t> ParseChunkSize(std::string_view line) {
  return ParseNumber(Trim(line.substr(0, line.find(';'))), 16);
}

}  // namespace khs::http
