#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "rest/http_server.h"
#include "unit/rest/raw_client.h"

namespace khs::rest {
namespace {

// Responds with what it received.
Response Echo(const Request& request) {
  return {200, "text/plain", request.method + ' ' + request.path + ' ' + request.body, {}};
}

class Framing : public ::testing::Test {
 protected:
  // Checks that the connection is closed after the response and that the server still works.
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

TEST_F(Framing, KeepsAConnectionAndRespondsInOrder) {
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

TEST_F(Framing, RespondsAfterTheCallerClosedItsDirection) {
  RawClient client(server_.port());
  ASSERT_TRUE(client.Send(kGet + kGet));
  client.CloseWriting();
  EXPECT_EQ(client.Read().body, "GET /a ");
  EXPECT_EQ(client.Read().body, "GET /a ");
  EXPECT_EQ(client.ReadToEnd(), "");
}

TEST_F(Framing, ClosesOnRequest) {
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

TEST_F(Framing, OmitsTheBodyForHead) {
  RawClient client(server_.port());
  ASSERT_TRUE(client.Send("HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n" + kGet));
  EXPECT_TRUE(client.Read(true).Has("\r\nContent-Length: 8\r\n"));
  EXPECT_EQ(client.Read().body, "GET /a ");
}

TEST_F(Framing, SendsContinueWhenItIsExpected) {
  RawClient client(server_.port());
  ASSERT_TRUE(client.Send(kPost + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
  EXPECT_EQ(client.Read().head, "HTTP/1.1 100 Continue\r\n\r\n");
  ASSERT_TRUE(client.Send("ab"));
  EXPECT_EQ(client.Read().body, "POST /a ab");
  // Without a body the server does not send 100 Continue.
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

TEST_F(Framing, AcceptsChunksAndAbsoluteTargets) {
  RawClient client(server_.port());
  ASSERT_TRUE(
      client.Send("PUT http://h/b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "3\r\nabc\r\n0\r\n\r\n"));
  EXPECT_EQ(client.Read().body, "PUT /b abc");
}

const std::string kSmuggled = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string kChunked = kPost + "Transfer-Encoding: chunked\r\n\r\n";

TEST_F(Framing, RejectsRequestSmuggling) {
  for (const std::string fields : {
           "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
           "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
           "Content-Length: 0\r\nContent-Length: 40\r\n",
           "Content-Length: 40\r\nContent-Length: 0\r\n",
           "Content-Length : 0\r\n",
           "Content-Length: 0, 40\r\n",
           "Content-Length: abc\r\n",
           "Content-Length: +5\r\n",
           "Content-Length: -1\r\n",
           "Content-Length: 0x5\r\n",
           "Content-Length: \r\n",
           "Transfer-Encoding:\x0b"
           "chunked\r\n",
           "Transfer-Encoding: xchunked\r\n",
           "Transfer-Encoding: chunked, identity\r\n",
           "Transfer-Encoding: gzip, chunked\r\n",
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
           "X: y\rContent-Length: 0\r\n",
           "X: y\nContent-Length: 0\r\n",
           "X: y\r\n Content-Length: 0\r\n",
           "X: y\r\n\tContent-Length: 0\r\n",
           "X: \x01\r\n",
           "X\x80: y\r\n",
           "Host: other\r\n",
       }) {
    ExpectRefused(kPost + fields + "\r\n0\r\n\r\n" + kSmuggled, 400);
  }
}

// Poco ends the body there without an error, and the rest would be parsed as a request.
TEST_F(Framing, RejectsMalformedChunks) {
  ExpectRefused(kChunked + "zz\r\nabc\r\n0\r\n\r\n" + kSmuggled, 400);
  ExpectRefused(kChunked + "-2\r\nab\r\n0\r\n\r\n" + kSmuggled, 400);
  ExpectRefused(kChunked + "1\r\n{}\r\n0\r\n\r\n" + kSmuggled, 400);
  ExpectRefused(kChunked + "100000003\r\nabc\r\n0\r\n\r\n" + kSmuggled, 400);
}

TEST_F(Framing, RejectsDataAfterTheLastChunk) {
  const RawAnswer answer = AskOnce(server_.port(), kChunked + "3\r\nabc\r\n0\r\n\r\n");
  EXPECT_EQ(answer.body, "POST /a abc");
  EXPECT_TRUE(answer.Has("\r\nConnection: close\r\n"));
  handled_ = 0;
  ExpectRefused(kChunked + "3\r\nabc\r\n0\r\n\r\n" + kSmuggled, 400);
}

// A proxy in front may parse another request, so the connection is closed.
TEST_F(Framing, ClosesAfterAnAmbiguousRequest) {
  for (const std::string request : {
           "GET /a HTTP/1.1\r\nHost: h\r\nContent-Length: =?utf-8?q?0?=\r\n\r\n",
           "POST /a HTTP/1.1\r\nHost: h\r\n\r\n",
           "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n{\n }",
           "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n\xff\xfe{}",
       }) {
    const RawAnswer answer = AskOnce(server_.port(), request + kSmuggled);
    EXPECT_EQ(answer.status, 200) << request;
    EXPECT_TRUE(answer.Has("\r\nConnection: close\r\n")) << answer.head;
    EXPECT_EQ(answer.body.find("smuggled"), std::string::npos);
  }
}

// Such bytes behind the head do not close the connection.
TEST_F(Framing, KeepsAConnectionWhoseBodyHoldsAnyBytes) {
  RawClient client(server_.port());
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(client.Send(kPost + "Expect: 100-continue\r\nContent-Length: 6\r\n\r\n"));
    EXPECT_EQ(client.Read().status, 100);
    ASSERT_TRUE(client.Send("\xff\xff\n  ?"));
    EXPECT_EQ(client.Read().body, "POST /a \xff\xff\n  ?");
  }
}

// Poco mistakes this byte for the end of the stream; two of them would hide the following headers.
TEST_F(Framing, RejectsBytesThatPocoMistakesForTheEndOfTheHead) {
  ExpectRefused("GET /a HTTP/1.1\r\nHost: h\r\nX: \xff\r\n\r\n", 400);
  ExpectRefused("GET /a HTTP/1.1\r\nHost: h\r\nX: \xff\xff\r\nOrigin: http://evil\r\n\r\n", 400);
  ExpectRefused("GET /a HTTP/1.1\r\nHost: h\r\n\xff" + kSmuggled, 400);
  ExpectRefused("GET /\xff HTTP/1.1\r\nHost: h\r\n\r\n", 400);
}

TEST_F(Framing, RejectsWhatIsNotHttp) {
  ExpectRefused("nonsense\r\n\r\n", 400);
  ExpectRefused("GET /a\r\n\r\n", 400);
  ExpectRefused("GET /a HTTP/1.1\r\n\r\n", 400);
  ExpectRefused("GET /a HTTP/1.1\nHost: h\n\n", 400);
  ExpectRefused("GET /a ICY/1.1\r\nHost: h\r\n\r\n", 400);
  ExpectRefused("GET /#a HTTP/1.1\r\nHost: h\r\n\r\n", 400);
  ExpectRefused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505);
  ExpectRefused(std::string("GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n", 28), 400);
  const std::string hello("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
  ExpectRefused(hello + std::string(32, '\0') + "\r\n\r\n", 400);
}

TEST_F(Framing, SurvivesCallersThatDisconnect) {
  // Poco would treat some of these heads as complete.
  for (const std::string& bytes :
       {std::string(), std::string("GET"), std::string("GET / HTTP/1.1\r\nHost"),
        std::string("DELETE /a HTTP/1.1\r\nHost: h"), kPost, kPost + "\r",
        kPost + "Content-Length: 3\r\n\r\nab", kChunked + "3\r\nab", kChunked + "2\r\nab\r\n"}) {
    RawClient client(server_.port());
    ASSERT_TRUE(client.Send(bytes));
    client.CloseWriting();
    EXPECT_EQ(client.ReadToEnd(), "") << bytes;
  }
  EXPECT_EQ(handled_, 0);
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
