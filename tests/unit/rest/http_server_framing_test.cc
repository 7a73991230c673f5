#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "rest/http_server.h"
#include "unit/rest/raw_client.h"

namespace khs::rest {
namespace {

// Answers with what it was asked.
Response Echo(const Request& request) {
  return {200, "text/plain", request.method + ' ' + request.path + ' ' + request.body, {}};
}

class Framing : public ::testing::Test {
 protected:
  // The connection has ended after the answer, and the server goes on.
  void ExpectRefused(const std::string& bytes, int status) {
    const RawAnswer answer = AskOnce(server_.port(), bytes);
    EXPECT_EQ(answer.status, status) << bytes;
    EXPECT_TRUE(answer.Has("\r\nConnection: close\r\n")) << answer.head;
    EXPECT_TRUE(answer.Has("\r\nContent-Type: application/json\r\n")) << answer.head;
    const std::string begin = R"({"error_code":)" + std::to_string(status) + R"(,"message":"HTTP )";
    EXPECT_TRUE(answer.body.starts_with(begin)) << answer.body;
    EXPECT_EQ(handled_, 0);
  }

  std::atomic<int> handled_ = 0;
  const HttpServer server_{"127.0.0.1", 0, [this](const Request& request) {
                             ++handled_;
                             return Echo(request);
                           }};
};

const std::string kGet = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string kPost = "POST /a HTTP/1.1\r\nHost: h\r\n";

TEST_F(Framing, KeepsAConnectionAndAnswersInOrder) {
  RawClient client(server_.port());
  std::string requests;
  for (int i = 0; i < 50; ++i) {
    requests += "POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx";
  }
  ASSERT_TRUE(client.Send(requests));
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(client.Read().body, "POST /" + std::to_string(i) + " x");
  }
  ASSERT_TRUE(client.Send(kGet));
  EXPECT_EQ(client.Read().body, "GET /a ");
}

TEST_F(Framing, AnswersWhoSendsNothingMore) {
  RawClient client(server_.port());
  ASSERT_TRUE(client.Send(kGet + kGet));
  client.CloseWriting();
  EXPECT_EQ(client.Read().body, "GET /a ");
  EXPECT_EQ(client.Read().body, "GET /a ");
  EXPECT_EQ(client.ReadToEnd(), "");
}

TEST_F(Framing, ClosesWhenItIsAskedTo) {
  const RawAnswer answer =
      AskOnce(server_.port(), "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.Has("\r\nConnection: close\r\n"));
}

TEST_F(Framing, SpeaksHttp10) {
  EXPECT_EQ(AskOnce(server_.port(), "GET /x HTTP/1.0\r\n\r\n").body, "GET /x ");
  RawClient client(server_.port());
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(client.Send("GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    EXPECT_TRUE(client.Read().Has("\r\nConnection: keep-alive\r\n"));
  }
}

TEST_F(Framing, LeavesTheBodyOfHeadOut) {
  RawClient client(server_.port());
  ASSERT_TRUE(client.Send("HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n" + kGet));
  EXPECT_TRUE(client.Read(true).Has("\r\nContent-Length: 8\r\n"));
  EXPECT_EQ(client.Read().body, "GET /a ");
}

TEST_F(Framing, InvitesABodyThatWaitsForIt) {
  RawClient client(server_.port());
  ASSERT_TRUE(client.Send(kPost + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
  EXPECT_EQ(client.Read().head, "HTTP/1.1 100 Continue\r\n\r\n");
  ASSERT_TRUE(client.Send("ab"));
  EXPECT_EQ(client.Read().body, "POST /a ab");
  // One that does not wait, or does not exist, is not invited.
  ASSERT_TRUE(client.Send(kPost + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nab"));
  EXPECT_EQ(client.Read().body, "POST /a ab");
  ASSERT_TRUE(client.Send("GET /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n"));
  EXPECT_EQ(client.Read().body, "GET /a ");
}

TEST_F(Framing, IgnoresAnUpgrade) {
  RawClient client(server_.port());
  ASSERT_TRUE(client.Send(
      "GET /a HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\n"
      "Upgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n\r\n"));
  EXPECT_EQ(client.Read().body, "GET /a ");
  ASSERT_TRUE(client.Send(kGet));
  EXPECT_EQ(client.Read().status, 200);
}

TEST_F(Framing, TakesChunksAndAbsoluteTargets) {
  RawClient client(server_.port());
  ASSERT_TRUE(
      client.Send("PUT http://h/b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "3\r\nabc\r\n0\r\n\r\n"));
  EXPECT_EQ(client.Read().body, "PUT /b abc");
}

TEST_F(Framing, LetsNothingBeSmuggled) {
  const std::string smuggled = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";
  for (const std::string fields : {
           "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
           "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
           "Content-Length: 0\r\nContent-Length: 40\r\n",
           "Content-Length: 40\r\nContent-Length: 0\r\n",
           "Content-Length : 0\r\n",
           "Content-Length: 0, 40\r\n",
           "Transfer-Encoding:\x0b"
           "chunked\r\n",
           "X: y\r\n Content-Length: 0\r\n",
           "X: y\nContent-Length: 0\r\n",
       }) {
    ExpectRefused(kPost + fields + "\r\n0\r\n\r\n" + smuggled, 400);
  }
  ExpectRefused(kPost + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + smuggled, 501);
  ExpectRefused(kPost + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + smuggled, 501);
  ExpectRefused(kPost + "Transfer-Encoding: chunked\r\n\r\nzz\r\n" + smuggled, 400);
  ExpectRefused(kPost + "Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n" + smuggled, 400);
}

TEST_F(Framing, RefusesWhatIsNotHttp) {
  ExpectRefused("nonsense\r\n\r\n", 400);
  ExpectRefused("GET /a\r\n\r\n", 400);
  ExpectRefused("GET /a HTTP/1.1\r\n\r\n", 400);
  ExpectRefused("GET /a HTTP/1.1\nHost: h\n\n", 400);
  ExpectRefused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505);
  // Before there is a line's end.
  ExpectRefused(std::string("GET /\0", 6), 400);
  const unsigned char hello[] = {0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03};
  ExpectRefused({reinterpret_cast<const char*>(hello), sizeof hello}, 400);
}

TEST_F(Framing, OutlivesCallersWhoLeave) {
  for (const std::string bytes : {"", "GET", "GET / HTTP/1.1\r\nHost", kPost.c_str()}) {
    RawClient client(server_.port());
    ASSERT_TRUE(client.Send(bytes));
    client.CloseWriting();
    EXPECT_EQ(client.ReadToEnd(), "") << bytes;
  }
  {
    const RawClient client(server_.port());
    ASSERT_TRUE(client.Send(kGet));
  }
  RawClient client(server_.port());
  ASSERT_TRUE(client.Send(kGet));
  EXPECT_EQ(client.Read().status, 200);
}

}  // namespace
}  // namespace khs::rest
