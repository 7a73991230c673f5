// The bytes that an endpoint sends, as the head of a response and as a chunked body: what Poco then
// takes for the body's end is what the guard has decided.
#include <Poco/Exception.h>
#include <Poco/Net/NetException.h>

#include <chrono>
#include <sstream>
#include <string>

#include "delivery/retry_after.h"
#include "fuzz/fuzz.h"
#include "http/response.h"

namespace khs::fuzz {
namespace {

using http::Response;

void CheckHead(std::string_view bytes) {
  std::istringstream in{std::string(bytes)};
  Response response;
  try {
    response.read(in);
  } catch (const Poco::Net::MessageException& problem) {
    // For people, and in the log: nothing of what the endpoint sent.
    for (const char c : problem.message()) FUZZ_CHECK(c >= 0x20 && c < 0x7f);
    return;
  } catch (const Poco::Exception&) {
    return;
  }
  const int status = response.getStatus();
  if (status == 100) return;
  FUZZ_CHECK(status >= 200 && status <= 999);
  FUZZ_CHECK(!response.idle_timeout() || response.idle_timeout()->count() >= 0);
  const bool has_body = status != 204 && status != 304;
  FUZZ_CHECK(has_body == (response.body() != Response::Body::kNone));
  if (has_body) {
    const bool chunked = response.body() == Response::Body::kChunked;
    FUZZ_CHECK(response.has("Transfer-Encoding") == chunked);
    if (response.body() == Response::Body::kSized) {
      FUZZ_CHECK(static_cast<std::uint64_t>(response.getContentLength64()) == response.size());
    }
    if (response.body() == Response::Body::kUntilClose) {
      FUZZ_CHECK(!response.hasContentLength() && !response.keeps_alive());
    }
  }
  if (!response.retry_after()) return;
  const base::WallTime now(std::chrono::seconds(1'700'000'000));
  const auto wait = delivery::ParseRetryAfter(*response.retry_after(), now);
  FUZZ_CHECK(!wait || (wait->count() >= 0 && *wait <= std::chrono::hours(24 * 366 * 40)));
}

void CheckChunks(std::string_view bytes) {
  const http::ChunksEnd end = http::ParseChunksEnd(bytes);
  if (end != http::ChunksEnd::kMalformed) FUZZ_CHECK(bytes.find('0') != std::string_view::npos);
  // Whatever comes before the last chunk.
  FUZZ_CHECK(http::ParseChunksEnd(std::string(bytes) + "\r\n0\r\n\r\n") == http::ChunksEnd::kWhole);
}

}  // namespace
}  // namespace khs::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = khs::fuzz::TextOf(data, size);
  khs::fuzz::CheckHead(bytes);
  khs::fuzz::CheckChunks(bytes);
  return 0;
}
