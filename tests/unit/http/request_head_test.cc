#include "http/request_head.h"

#include <gtest/gtest.h>

namespace khs::http {
namespace {

TEST(RenderHead, WritesTheRequestLineHostHeadersAndLength) {
  request::Request request;
  request.method = "PUT";
  request.target = "/x?y=1";
  request.headers = {{"A", "1"}, {"B", ""}};
  request.body = "12345";
  EXPECT_EQ(RenderHead(request, "host:8080"),
            "PUT /x?y=1 HTTP/1.1\r\nHost: host:8080\r\nA: 1\r\nB: \r\nContent-Length: 5\r\n\r\n");
}

TEST(RenderHead, TakesAConfiguredHost) {
  request::Request request;
  request.method = "POST";
  request.target = "/";
  request.headers = {{"host", "virtual"}};
  EXPECT_EQ(RenderHead(request, "real"),
            "POST / HTTP/1.1\r\nhost: virtual\r\nContent-Length: 0\r\n\r\n");
}

}  // namespace
}  // namespace khs::http
