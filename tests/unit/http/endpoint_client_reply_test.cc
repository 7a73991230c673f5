#include <gmock/gmock.h>

#include <optional>

#include "delivery/retry_indicator.h"
#include "unit/http/client_fixture.h"

namespace khs::http {
namespace {

using delivery::FaultKind;
using ::testing::HasSubstr;

class EndpointClientReply : public EndpointClientTest {};

TEST_F(EndpointClientReply, SendsTheValueByteForByteWithItsHeaders) {
  ScriptedEndpoint endpoint([](const Request&) { return Answer::Of(200); });
  config_.method = "PUT";
  config_.headers = {{"Authorization", "Bearer x"}};
  record_.value = std::string("\0\r\n\xff bytes", 10);
  record_.key = "k";
  Send(ClientOf(endpoint.Url("/in?a=b")));

  const auto requests = endpoint.Requests();
  ASSERT_EQ(requests.size(), 1u);
  const Request& request = requests.front();
  EXPECT_EQ(request.method, "PUT");
  EXPECT_EQ(request.target, "/in?a=b");
  EXPECT_EQ(request.body, *record_.value);
  EXPECT_EQ(request.Header("Host"), "127.0.0.1:" + std::to_string(endpoint.port()));
  EXPECT_EQ(request.Header("Authorization"), "Bearer x");
  EXPECT_EQ(request.Header("X-Kafka-Topic"), "orders");
  EXPECT_EQ(request.Header("X-Kafka-Key"), "k");
  EXPECT_EQ(request.Header("Content-Length"), "10");
  EXPECT_EQ(request.Header("Accept-Encoding"), "identity");
}

TEST_F(EndpointClientReply, SendsABodyOfSeveralMegabytes) {
  ScriptedEndpoint endpoint([](const Request&) { return Answer::Of(200); });
  record_.value = std::string(5'000'000, 'x');
  EXPECT_EQ(Http(Send(ClientOf(endpoint.Url())).reply).status, 200);
  EXPECT_EQ(endpoint.Requests().front().body, *record_.value);
}

TEST_F(EndpointClientReply, SendsTheBodyWithADeleteToo) {
  ScriptedEndpoint endpoint([](const Request&) { return Answer::Of(200); });
  config_.method = "DELETE";
  Send(ClientOf(endpoint.Url()));
  EXPECT_EQ(endpoint.Requests().front().method, "DELETE");
  EXPECT_EQ(endpoint.Requests().front().body, "the value");
}

TEST_F(EndpointClientReply, SendsATombstoneWithoutABody) {
  ScriptedEndpoint endpoint([](const Request&) { return Answer::Of(200); });
  record_.value.reset();
  Send(ClientOf(endpoint.Url()));
  const Request request = endpoint.Requests().front();
  EXPECT_EQ(request.body, "");
  EXPECT_EQ(request.Header("Content-Length"), "0");
  EXPECT_EQ(request.Header("X-Kafka-Tombstone"), "true");
}

TEST_F(EndpointClientReply, CountsRecordHeadersThatHttpForbids) {
  ScriptedEndpoint endpoint([](const Request&) { return Answer::Of(200); });
  config_.forward_kafka_headers = true;
  record_.headers = {{"Good", "1"}, {"not good", "2"}, {"Host", "3"}};
  EXPECT_EQ(Send(ClientOf(endpoint.Url())).headers_left_out, 2);
  EXPECT_EQ(endpoint.Requests().front().Header("Good"), "1");
}

TEST_F(EndpointClientReply, ReadsTheRetryIndicatorWhateverTheStatus) {
  EXPECT_EQ(Http(SendTo(Answer::Of(200, R"({"retry":false})"))).retry, false);
  EXPECT_EQ(Http(SendTo(Answer::Of(503, R"({"retry":"TRUE"})"))).retry, true);
  const delivery::HttpReply missing = Http(SendTo(Answer::Of(404, "no JSON")));
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.retry, std::nullopt);
}

TEST_F(EndpointClientReply, DoesNotFollowARedirect) {
  ScriptedEndpoint endpoint([](const Request&) {
    return Answer::Of(302, "", {{"Location", "/elsewhere"}});
  });
  EXPECT_EQ(Http(Send(ClientOf(endpoint.Url())).reply).status, 302);
  EXPECT_EQ(endpoint.RequestCount(), 1u);
}

TEST_F(EndpointClientReply, JoinsTheChunksOfABody) {
  const auto reply = Http(SendTo(Answer::Chunked(200, {"{\"ret", "ry\":", "false}"})));
  EXPECT_EQ(reply.retry, false);
}

TEST_F(EndpointClientReply, ReadsABodyThatEndsWithTheConnection) {
  EXPECT_EQ(Http(SendTo(Answer::Raw("HTTP/1.1 200 OK\r\n\r\n{\"retry\":false}"))).retry, false);
  EXPECT_EQ(Http(SendTo(Answer::Raw("HTTP/1.0 200 OK\r\n\r\n{\"retry\":false}"))).retry, false);
}

TEST_F(EndpointClientReply, SkipsInterimResponses) {
  const auto reply = Http(SendTo(
      Answer::Raw("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
                  "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"retry\":false}")));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.retry, false);
}

TEST_F(EndpointClientReply, ExpectsNoBodyAfter204And304) {
  for (const int status : {204, 304}) {
    const auto answer =
        Answer::Raw("HTTP/1.1 " + std::to_string(status) + " No Body\r\nContent-Length: 5\r\n\r\n",
                    Answer::Then::kKeepAlive);
    EXPECT_EQ(Http(SendTo(answer)).status, status);
  }
}

TEST_F(EndpointClientReply, AcceptsAStatusLineWithoutAReason) {
  EXPECT_EQ(Http(SendTo(Answer::Raw("HTTP/1.1 201\r\nContent-Length: 0\r\n\r\n"))).status, 201);
}

TEST_F(EndpointClientReply, ReadsABodyOfAtMost64KiB) {
  std::string body = R"({"retry":false,"padding":")";
  body += std::string(delivery::kMaxIndicatorBody - body.size() - 2, 'p') + "\"}";
  ASSERT_EQ(body.size(), delivery::kMaxIndicatorBody);
  EXPECT_EQ(Http(SendTo(Answer::Of(200, body))).retry, false);
  EXPECT_EQ(Http(SendTo(Answer::Chunked(200, {body.substr(0, 9), body.substr(9)}))).retry, false);
  EXPECT_EQ(Http(SendTo(Answer::Raw("HTTP/1.1 200 OK\r\n\r\n" + body))).retry, false);

  body += ' ';  // still valid JSON with the same value
  for (const Answer& answer :
       {Answer::Of(200, body), Answer::Chunked(200, {body.substr(0, 9), body.substr(9)}),
        Answer::Raw("HTTP/1.1 200 OK\r\n\r\n" + body)}) {
    const auto reply = Http(SendTo(answer));
    EXPECT_EQ(reply.retry, std::nullopt);
    EXPECT_EQ(reply.excerpt, R"({"retry"...)");  // but its beginning can be shown
  }
}

TEST_F(EndpointClientReply, NeitherRequestsNorDecodesCompression) {
  std::optional<std::string> asked;
  ScriptedEndpoint endpoint([&](const Request& request) {
    asked = request.Header("Accept-Encoding");
    // {"retry":false}, compressed by gzip
    const char packed[] =
        "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\x56\x2a\x4a\x2d\x29\xaa\x54\xb2\x4a\x4b\xcc"
        "\x29"
        "\x4e\xad\x05\x00\x11\x31\xa9\x75\x0f\x00\x00\x00";
    return Answer::Raw("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: " +
                           std::to_string(sizeof packed - 1) + "\r\n\r\n" +
                           std::string(packed, sizeof packed - 1),
                       Answer::Then::kClose);
  });
  EXPECT_EQ(Http(Send(ClientOf(endpoint.Url())).reply).retry, std::nullopt);
  EXPECT_EQ(asked, "identity");
}

TEST_F(EndpointClientReply, AcceptsOddHeadersThatAreNotRead) {
  for (const std::string header : {"X-Foo : bar",
                                   "X(1): a",
                                   "X-Name: J\xf6rg",
                                   "X-Name: \xff\xfe",
                                   "\xc3\xb6: \xc3\xa4",
                                   ": empty",
                                   "no colon at all",
                                   "X: =?utf-8?b?!!!?=",
                                   "X: =?",
                                   "X: =?x?q?=ZZ?=",
                                   "X:",
                                   "Date: never",
                                   "Retry-After : 5",
                                   "Connection : close",
                                   "Set-Cookie: a=b\r\n\tfolded",
                                   "X: a\x01z",
                                   "Content-Type: text/plain; charset=\xe4",
                                   "Expires: -1",
                                   "Content-Length: 15, 15",
                                   "Content-Length: 15\r\nContent-Length: 15",
                                   "Content-Length:15\t"}) {
    std::string head = "HTTP/1.1 200 OK\r\n" + header + "\r\n";
    if (header.find("Content-Length") == std::string::npos) head += "Content-Length: 15\r\n";
    const auto reply =
        SendTo(Answer::Raw(head + "\r\n{\"retry\":false}", Answer::Then::kKeepAlive));
    EXPECT_EQ(Http(reply).retry, false) << header;
  }
}

TEST_F(EndpointClientReply, LimitsTheBytesBesideTheChunks) {
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string much(2'000'000, 'e');
  for (const std::string& endless :
       {"1;" + much, "0\r\nTrailer: " + much, std::string(much.size(), ' ')}) {
    const auto fault = Fault(SendTo(Answer::Raw(head + endless, Answer::Then::kHang)));
    EXPECT_EQ(fault.kind, FaultKind::kIo);
    EXPECT_THAT(fault.detail, HasSubstr("not an HTTP response"));
  }
}

TEST_F(EndpointClientReply, ValidatesFramingHeadersStrictly) {
  for (const std::string header :
       {"Content-Length: 15, 16", "Content-Length: 15\r\nContent-Length: 16", "Content-Length : 15",
        "Content-Length: 15,", "Content-Length: +15", "Content-Length: 0x15",
        "Content-Length: 15\r\n 5", "Content-Length: 99999999999999999999", "Content-Length:",
        "Transfer-Encoding : chunked", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: identity"}) {
    const auto fault = Fault(SendTo(Answer::Raw(
        "HTTP/1.1 200 OK\r\n" + header + "\r\n\r\n{\"retry\":false}", Answer::Then::kKeepAlive)));
    EXPECT_EQ(fault.kind, FaultKind::kIo) << header;
    EXPECT_THAT(fault.detail, HasSubstr("not an HTTP response")) << header;
  }
}

TEST_F(EndpointClientReply, AcceptsManyHeaders) {
  std::string head = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 900; ++i) head += "X-" + std::to_string(i) + ": y\r\n";
  EXPECT_EQ(Http(SendTo(Answer::Raw(head + "Content-Length: 0\r\n\r\n"))).status, 200);
}

TEST_F(EndpointClientReply, ParsesRetryAfterAsSecondsOrDate) {
  using std::chrono::milliseconds;
  EXPECT_EQ(Http(SendTo(Answer::Of(503, "", {{"retry-after", "120"}}))).retry_after,
            milliseconds(120'000));
  EXPECT_EQ(Http(SendTo(Answer::Of(503, "", {{"Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT"}})))
                .retry_after,
            milliseconds(0));
  EXPECT_EQ(Http(SendTo(Answer::Of(503, "", {{"Retry-After", "soon"}}))).retry_after, std::nullopt);
  EXPECT_EQ(Http(SendTo(Answer::Of(503))).retry_after, std::nullopt);
}

TEST_F(EndpointClientReply, LimitsBytesFieldsAndLengthOfTheHead) {
  std::string many = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 20'000; ++i) many += "A: 1\r\n";
  const std::string large = "HTTP/1.1 200 OK\r\nA: " + std::string(100'000, 'a');
  std::string interim;
  for (int i = 0; i < 5'000; ++i) interim += "HTTP/1.1 100 Continue\r\n\r\n";
  for (const std::string& head : {many, large, interim}) {
    const auto fault = Fault(SendTo(Answer::Raw(head + "\r\nContent-Length: 0\r\n\r\n")));
    EXPECT_EQ(fault.kind, FaultKind::kIo);
    EXPECT_THAT(fault.detail, HasSubstr("not an HTTP response"));
  }
}

}  // namespace
}  // namespace khs::http
