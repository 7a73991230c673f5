#include "rest/request_head.h"

#include <gtest/gtest.h>

#include <string>

namespace khs::rest {
namespace {

base::Expected<RequestHead, Rejection> Parse(const std::string& text, const Limits& limits = {}) {
  HeadScanner scanner(limits);
  const auto end = scanner.Scan(text);
  if (!end) return base::Unexpected<Rejection>(end.error());
  EXPECT_EQ(*end, text.size()) << text;
  return ParseRequestHead(text, limits);
}

// 0 when it is accepted.
int StatusOf(const std::string& text, const Limits& limits = {}) {
  const auto parsed = Parse(text, limits);
  return parsed ? 0 : parsed.error().status;
}

std::string Get(const std::string& fields) {
  return "GET / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n";
}

TEST(RequestHead, HoldsWhatWasAskedFor) {
  const auto head = Parse(
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
  EXPECT_TRUE(head->http_1_1);
  EXPECT_FALSE(head->chunked);
}

TEST(RequestHead, KnowsWhetherTheConnectionIsKept) {
  const auto keeps = [](const std::string& text) { return Parse(text)->keep_alive; };
  EXPECT_TRUE(keeps(Get("")));
  EXPECT_FALSE(keeps(Get("Connection: x, Close\r\n")));
  EXPECT_TRUE(keeps(Get("Connection: closed\r\n")));
  EXPECT_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(keeps("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n"));
}

TEST(RequestHead, TakesTheFormsOfTargets) {
  const auto target = [](const std::string& method, const std::string& text) {
    const auto head = Parse(method + ' ' + text + " HTTP/1.1\r\nHost: h\r\n\r\n");
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

TEST(RequestHead, RefusesWhatTwoReadersCouldUnderstandInTwoWays) {
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
           "Content-Length : 1\r\n",
           "Transfer-Encoding : chunked\r\n",
           "Transfer-Encoding: \x0b"
           "chunked\r\n",
           "X: 1\r\n folded\r\n",
           "X: 1\r\n\tfolded\r\n",
           " X: 1\r\n",
           ": 1\r\n",
           "X\r\n",
           "X(: 1\r\n",
           "Host: other\r\n",
           "Authorization: a\r\nAuthorization: b\r\n",
           "X: \x7f\r\n",
           "X: 1\rY: 2\r\n",
           "X: 1\nY: 2\r\n",
       }) {
    EXPECT_EQ(StatusOf(Get(fields)), 400) << fields;
  }
  EXPECT_EQ(StatusOf(Get(std::string("X: \0\r\n", 6))), 400);
  EXPECT_EQ(StatusOf("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf(Get("Transfer-Encoding: gzip, chunked\r\n")), 501);
  EXPECT_EQ(StatusOf(Get("Transfer-Encoding: identity\r\n")), 501);
  EXPECT_EQ(StatusOf(Get("Transfer-Encoding: CHUNKED\r\n")), 0);
  EXPECT_EQ(StatusOf(Get("Expect: a-miracle\r\n")), 417);
}

TEST(RequestHead, RefusesWhatIsNoRequestLine) {
  for (const std::string line :
       {"GET /", "GET", "GET  / HTTP/1.1", "GET / HTTP/1.1 ", " GET / HTTP/1.1", "GET / http/1.1",
        "GET / HTTP/1.", "GET / HTTP/1.10", "GET / HTTP/a.1", "GET /\t HTTP/1.1", "G(T / HTTP/1.1",
        "GET / / HTTP/1.1", "{\"a\":1}"}) {
    EXPECT_NE(StatusOf(line + "\r\nHost: h\r\n\r\n"), 0) << line;
  }
  EXPECT_EQ(StatusOf("PRI * HTTP/2.0\r\n\r\n"), 505);
  EXPECT_EQ(StatusOf("GET / HTTP/0.9\r\n\r\n"), 505);
}

TEST(RequestHead, NeedsAHostInHttp11) {
  EXPECT_EQ(StatusOf("GET / HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf("GET / HTTP/1.1\r\nHost:\r\n\r\n"), 0);
  EXPECT_EQ(StatusOf("GET / HTTP/1.0\r\n\r\n"), 0);
  EXPECT_EQ(StatusOf("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf("GET / HTTP/1.1\r\nHost: [::1]:8083\r\n\r\n"), 0);
}

TEST(RequestHead, HasBounds) {
  Limits limits;
  limits.request_line_bytes = 100;
  limits.head_bytes = 300;
  limits.head_fields = 3;
  limits.body_bytes = 10;
  const std::string line(200, 'a');
  EXPECT_EQ(StatusOf("GET /" + line + " HTTP/1.1\r\nHost: h\r\n\r\n", limits), 414);
  EXPECT_EQ(StatusOf(Get("X: " + line + "\r\n"), limits), 0);
  EXPECT_EQ(StatusOf(Get("X: " + line + line + "\r\n"), limits), 431);
  EXPECT_EQ(StatusOf(Get("A: 1\r\nB: 1\r\n"), limits), 0);
  EXPECT_EQ(StatusOf(Get("A: 1\r\nB: 1\r\nC: 1\r\n"), limits), 431);
  EXPECT_EQ(StatusOf(Get("Content-Length: 10\r\n"), limits), 0);
  EXPECT_EQ(StatusOf(Get("Content-Length: 11\r\n"), limits), 413);
  EXPECT_EQ(StatusOf(Get("Content-Length: 99999999999999999999999999\r\n"), limits), 413);
  // Known as soon as it is so, not at the end that may never come.
  HeadScanner scanner(limits);
  EXPECT_FALSE(scanner.Scan("GET /" + line));
  HeadScanner other(limits);
  EXPECT_FALSE(other.Scan("GET / HTTP/1.1\r\nX: " + line + line));
}

TEST(RequestHead, IsScannedTheSameHoweverItComes) {
  const std::string text = Get("A: b\r\nContent-Length: 3\r\n");
  const std::string with_more = text + "abcGET";
  for (size_t step = 1; step <= with_more.size(); ++step) {
    const Limits limits;
    HeadScanner scanner(limits);
    std::optional<size_t> end;
    for (size_t known = step; !end; known = std::min(known + step, with_more.size())) {
      const auto scanned = scanner.Scan(with_more.substr(0, known));
      ASSERT_TRUE(scanned) << step;
      end = *scanned;
      ASSERT_TRUE(end || known < with_more.size()) << step;
    }
    EXPECT_EQ(*end, text.size()) << step;
  }
}

TEST(RequestHead, BearsEveryByteAtEveryPlace) {
  const std::string text = Get("Connection: keep-alive\r\nContent-Length: 3\r\n");
  for (size_t place = 0; place < text.size(); ++place) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string changed = text;
      changed[place] = static_cast<char>(byte);
      const Limits limits;
      HeadScanner scanner(limits);
      const auto end = scanner.Scan(changed);
      if (end && *end) (void)ParseRequestHead(changed.substr(0, **end), limits);
      const bool control = byte < 0x20 && byte != '\t' && byte != '\r' && byte != '\n';
      if (control || byte == 0x7f) {
        EXPECT_FALSE(end) << place << ' ' << byte;
      }
    }
  }
}

}  // namespace
}  // namespace khs::rest
