#include "rest/drain_request.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "rest/http_server.h"
#include "support/scripted_endpoint.h"

namespace khs::rest {
namespace {

using std::chrono::milliseconds;

std::string UrlOf(int port) { return "http://127.0.0.1:" + std::to_string(port); }

TEST(DrainRequest, ReturnsWhetherItHasDrained) {
  for (const bool done : {true, false}) {
    const HttpServer server("127.0.0.1", 0, [done](const Request& request) {
      EXPECT_EQ(request.method + ' ' + request.path, "POST /-/drain");
      return Response{
          200, "application/json", done ? "{\"drained\":true}" : "{\"drained\":false}", {}};
    });
    const auto drained = RequestDrain(UrlOf(server.port()), std::chrono::seconds(20));
    ASSERT_TRUE(drained) << drained.error();
    EXPECT_EQ(*drained, done);
  }
}

TEST(DrainRequest, DescribesErrors) {
  const HttpServer server("127.0.0.1", 0, [](const Request&) {
    return Response{503, "text/plain", "not now", {}};
  });
  EXPECT_EQ(RequestDrain(UrlOf(server.port()), std::chrono::seconds(20)).error(),
            "HTTP 503: not now");
  EXPECT_EQ(RequestDrain("https://h", std::chrono::seconds(1)).error(),
            "only http:// URLs are supported: https://h");
}

// Each single read is short.
TEST(DrainRequest, TimesOutATricklingResponse) {
  testing::ScriptedEndpoint slow([](const testing::Request&) {
    return testing::Answer::Trickle(200, std::string(10'000, 'x'), milliseconds(20));
  });
  const auto begun = std::chrono::steady_clock::now();
  const auto drained = RequestDrain(UrlOf(slow.port()), milliseconds(300));
  EXPECT_FALSE(drained);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(10));
}

}  // namespace
}  // namespace khs::rest
