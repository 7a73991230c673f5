#include "rest/request_checks.h"

#include <Poco/Exception.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

namespace khs::rest {
namespace {

base::Expected<CheckedHead, Rejection> Check(const std::string& text, const Limits& limits = {}) {
  std::istringstream in(text);
  Poco::Net::HTTPRequest parsed;
  try {
    parsed.read(in);
  } catch (const Poco::Exception& error) {
    return base::Unexpected<Rejection>(MakeRejection(error.message(), false));
  }
  return CheckRequest(parsed, limits);
}

// Returns 0 when the request is accepted.
int StatusOf(const std::string& text, const Limits& limits = {}) {
  const auto checked = Check(text, limits);
  return checked ? 0 : checked.error().status;
}

std::string Get(const std::string& fields) {
  return "GET / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n";
}

TEST(RequestChecks, KeepTheRequest) {
  const auto head = Check(
      "PUT /connectors/a%2Fb/config?x=1?y HTTP/1.1\r\nHost: h:8083\r\nX-Name:  a b \t\r\n"
      "content-LENGTH: 12\r\nX-Name: c\r\nEmpty:\r\n\r\n");
  ASSERT_TRUE(head) << head.error().reason;
  EXPECT_EQ(head->request.method, "PUT");
  EXPECT_EQ(head->request.path, "/connectors/a%2Fb/config");
  EXPECT_EQ(head->request.query, "x=1?y");
  EXPECT_EQ(head->request.headers.at("host"), "h:8083");
  EXPECT_EQ(head->request.headers.at("x-name"), "a b, c");
  EXPECT_EQ(head->request.headers.at("empty"), "");
  EXPECT_EQ(head->content_length, 12u);
  EXPECT_TRUE(head->keep_alive);
  EXPECT_FALSE(head->chunked);
}

TEST(RequestChecks, KnowWhetherTheConnectionIsKept) {
  const auto keeps = [](const std::string& text) { return Check(text)->keep_alive; };
  EXPECT_TRUE(keeps(Get("")));
  EXPECT_FALSE(keeps(Get("Connection: x, Close\r\n")));
  EXPECT_TRUE(keeps(Get("Connection: closed\r\n")));
  EXPECT_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(keeps("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n"));
  // The end of the body is uncertain.
  EXPECT_FALSE(keeps("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"));
  EXPECT_FALSE(keeps("PUT / HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_TRUE(keeps("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"));
}

TEST(RequestChecks, AcceptEveryFormOfTarget) {
  const auto target = [](const std::string& method, const std::string& text) {
    const auto head = Check(method + ' ' + text + " HTTP/1.1\r\nHost: h\r\n\r\n");
    if (!head) return std::to_string(head.error().status);
    return head->request.headers.at("host") + ' ' + head->request.path + ' ' + head->request.query;
  };
  EXPECT_EQ(target("GET", "/a?b"), "h /a b");
  EXPECT_EQ(target("GET", "/a?"), "h /a ");
  EXPECT_EQ(target("GET", "//a//"), "h //a// ");
  EXPECT_EQ(target("GET", "HTTP://other:1/a?b"), "other:1 /a b");
  EXPECT_EQ(target("GET", "http://other"), "other / ");
  EXPECT_EQ(target("GET", "https://other?b"), "other / b");
  EXPECT_EQ(target("GET", "/\xF0\x9F\x98\x80"), "h /\xF0\x9F\x98\x80 ");
  EXPECT_EQ(target("OPTIONS", "*"), "h * ");
  for (const std::string bad : {"*", "a", "h:1", "ftp://h/", "http:///a", "http://a@b/", "/a#b"}) {
    EXPECT_EQ(target("GET", bad), "400") << bad;
  }
  EXPECT_EQ(target("CONNECT", "h:443"), "400");
}

TEST(RequestChecks, RejectWhatTwoParsersCouldReadDifferently) {
  for (const std::string fields : {
           "Content-Length: 1\r\nContent-Length: 2\r\n",
           "Content-Length: 1\r\nContent-Length: 1\r\n",
           "Content-Length: 1, 1\r\n",
           "Content-Length: +1\r\n",
           "Content-Length: -1\r\n",
           "Content-Length: 0x1\r\n",
           "Content-Length:\r\n",
           "Content-Length: 1 1\r\n",
           "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
           "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
           "Transfer-Encoding: gzip, chunked\r\n",
           "Transfer-Encoding: identity\r\n",
           "Content-Length : 1\r\n",
           "Transfer-Encoding : chunked\r\n",
           " X: 1\r\n",
           ": 1\r\n",
           "X(: 1\r\n",
           "Host: other\r\n",
           "Authorization: a\r\nAuthorization: b\r\n",
           "X: \x7f\r\n",
           "X: 1\rY: 2\r\n",
       }) {
    EXPECT_EQ(StatusOf(Get(fields)), 400) << fields;
  }
  EXPECT_EQ(StatusOf(Get(std::string("X: \0\r\n", 6))), 400);
  EXPECT_EQ(StatusOf("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf(Get("Transfer-Encoding: CHUNKED\r\n")), 0);
  EXPECT_EQ(StatusOf(Get("Expect: a-miracle\r\n")), 417);
}

TEST(RequestChecks, RejectMalformedRequestLines) {
  for (const std::string line :
       {"GET /", "GET", "GET / http/1.1", "GET / HTTP/1.", "GET / HTTP/1.10", "GET / HTTP/a.1",
        "G(T / HTTP/1.1", "GET / / HTTP/1.1", "GET /\x01 HTTP/1.1", "{\"a\":1}"}) {
    EXPECT_NE(StatusOf(line + "\r\nHost: h\r\n\r\n"), 0) << line;
  }
  EXPECT_EQ(StatusOf("PRI * HTTP/2.0\r\n\r\n"), 505);
  EXPECT_EQ(StatusOf("GET / HTTP/0.9\r\n\r\n"), 505);
}

TEST(RequestChecks, NeedAHostInHttp11) {
  EXPECT_EQ(StatusOf("GET / HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf("GET / HTTP/1.1\r\nHost:\r\n\r\n"), 0);
  EXPECT_EQ(StatusOf("GET / HTTP/1.0\r\n\r\n"), 0);
  EXPECT_EQ(StatusOf("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf("GET / HTTP/1.1\r\nHost: [::1]:8083\r\n\r\n"), 0);
}

TEST(RequestChecks, EnforceLimits) {
  Limits limits;
  limits.request_line_bytes = 100;
  limits.body_bytes = 10;
  const std::string line(200, 'a');
  EXPECT_EQ(StatusOf("GET /" + line + " HTTP/1.1\r\nHost: h\r\n\r\n", limits), 414);
  EXPECT_EQ(StatusOf(Get("Content-Length: 10\r\n"), limits), 0);
  EXPECT_EQ(StatusOf(Get("Content-Length: 11\r\n"), limits), 413);
  EXPECT_EQ(StatusOf(Get("Content-Length: 99999999999999999999999999\r\n"), limits), 413);
}

}  // namespace
}  // namespace khs::rest
