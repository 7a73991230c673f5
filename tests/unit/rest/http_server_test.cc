#include "rest/http_server.h"

#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/StreamCopier.h>
#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <stdexcept>

namespace khs::rest {
namespace {

struct Answer {
  int status;
  std::string body;
};

Answer Post(int port, const std::string& body) {
  Poco::Net::HTTPClientSession session("127.0.0.1", static_cast<Poco::UInt16>(port));
  Poco::Net::HTTPRequest request("POST", "/in?query=1", "HTTP/1.1");
  request.set("X-Name", "value");
  request.setContentLength64(static_cast<Poco::Int64>(body.size()));
  session.sendRequest(request) << body;
  Poco::Net::HTTPResponse response;
  std::string text;
  Poco::StreamCopier::copyToString(session.receiveResponse(response), text);
  return {response.getStatus(), text};
}

TEST(HttpServer, PassesMethodPathHeadersAndBodyToTheHandler) {
  Request seen;
  const HttpServer server("127.0.0.1", 0, [&seen](const Request& request) {
    seen = request;
    return Response{201, "text/plain", "made", {}};
  });
  const Answer answer = Post(server.port(), "the body");
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(answer.body, "made");
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.path, "/in");
  EXPECT_EQ(seen.headers["x-name"], "value");
  EXPECT_EQ(seen.body, "the body");
  EXPECT_TRUE(seen.from_loopback);
}

TEST(HttpServer, RespondsWith500WhenTheHandlerThrows) {
  const HttpServer server("127.0.0.1", 0,
                          [](const Request&) -> Response { throw std::runtime_error("x"); });
  EXPECT_EQ(Post(server.port(), "").status, 500);
}

TEST(HttpServer, RecognizesLocalCallersOnAnIpv6Socket) {
  std::atomic<bool> from_loopback = false;
  std::optional<HttpServer> server;
  try {
    server.emplace("::", 0, [&](const Request& request) {
      from_loopback = request.from_loopback;
      return Response{};
    });
  } catch (const std::runtime_error& error) {
    GTEST_SKIP() << "no IPv6 here: " << error.what();
  }
  EXPECT_EQ(Post(server->port(), "").status, 200);
  EXPECT_TRUE(from_loopback);
}

TEST(HttpServer, NamesTheAddressItCannotListenOn) {
  const HttpServer server("127.0.0.1", 0, [](const Request&) { return Response{}; });
  try {
    const HttpServer second("127.0.0.1", server.port(), [](const Request&) { return Response{}; });
    FAIL() << "two listeners on one port";
  } catch (const std::runtime_error& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("127.0.0.1:" + std::to_string(server.port())), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace khs::rest
