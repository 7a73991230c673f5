// The bytes that an endpoint sends before it closes. They make the same answer, or the same fault,
// in one piece, byte by byte and in pieces of any size.
#include <algorithm>
#include <chrono>
#include <optional>
#include <string>

#include "delivery/retry_after.h"
#include "delivery/retry_indicator.h"
#include "fuzz/fuzz.h"
#include "http/response_head.h"
#include "http/response_reader.h"

namespace khs::fuzz {
namespace {

using http::ResponseReader;

struct Answer {
  std::string fault;  // empty: there is an answer
  int status = 0;
  std::string body;
  std::optional<std::string> retry_after;
  std::optional<std::chrono::seconds> idle_timeout;
  bool reusable = false;

  bool operator==(const Answer&) const = default;
};

Answer Read(std::string_view bytes, std::size_t piece) {
  ResponseReader reader;
  reader.Start();
  bool whole = false;
  std::size_t at = 0;
  for (; at < bytes.size() && !whole; at += piece) {
    const auto result = reader.Add(bytes.substr(at, piece));
    if (!result) return {result.error().detail, 0, {}, {}, {}, false};
    whole = *result;
  }
  if (!whole) {
    const auto result = reader.End();
    if (!result) return {result.error().detail, 0, {}, {}, {}, false};
    FUZZ_CHECK(*result);
  }
  const http::Response& response = reader.response();
  // What comes after the answer is seen by who reads it.
  const bool has_more = at < bytes.size();
  return {{},
          response.status,
          response.body,
          response.retry_after,
          response.idle_timeout,
          response.reusable && !has_more};
}

void CheckAnswer(const Answer& answer) {
  if (!answer.fault.empty()) {
    // For people, and in the log: nothing of what the endpoint sent.
    for (const char c : answer.fault) FUZZ_CHECK(c >= 0x20 && c < 0x7f);
    return;
  }
  FUZZ_CHECK(answer.status >= 200 && answer.status <= 999);
  FUZZ_CHECK(answer.body.size() <= delivery::kMaxIndicatorBody);
  FUZZ_CHECK(!answer.idle_timeout || answer.idle_timeout->count() >= 0);
  if (!answer.retry_after) return;
  FUZZ_CHECK(answer.retry_after->find('\n') == std::string::npos);
  const base::WallTime now(std::chrono::seconds(1'700'000'000));
  const auto wait = delivery::ParseRetryAfter(*answer.retry_after, now);
  FUZZ_CHECK(!wait || (wait->count() >= 0 && *wait <= std::chrono::hours(24 * 366 * 40)));
}

// The same answer, chunked, a byte a chunk.
void CheckChunked(const Answer& answer) {
  if (!answer.fault.empty() || answer.status == 204 || answer.status == 304) return;
  std::string text =
      "HTTP/1.1 " + std::to_string(answer.status) + " x\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const char c : answer.body) text.append("1\r\n").append(1, c).append("\r\n");
  const Answer again = Read(text + "0\r\n\r\n", text.size() + 5);
  FUZZ_CHECK(again.fault.empty() && again.reusable);
  FUZZ_CHECK(again.status == answer.status && again.body == answer.body);
}

}  // namespace
}  // namespace khs::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = khs::fuzz::TextOf(data, size);
  const auto whole = khs::fuzz::Read(bytes, std::max<std::size_t>(size, 1));
  FUZZ_CHECK(khs::fuzz::Read(bytes, 1) == whole);
  FUZZ_CHECK(khs::fuzz::Read(bytes, 2 + size % 31) == whole);
  khs::fuzz::CheckAnswer(whole);
  khs::fuzz::CheckChunked(whole);
  (void)khs::http::ParseResponseHead(bytes);
  return 0;
}
