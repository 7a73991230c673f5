#include "rest/response_text.h"

#include <gtest/gtest.h>

namespace khs::rest {
namespace {

constexpr base::WallTime kTime{std::chrono::seconds(784111777)};

TEST(ResponseText, HasWhatAClientNeeds) {
  EXPECT_EQ(
      RenderResponse({201, "application/json", "{}", {{"Location", "http://h/a"}}},
                     {false, true, true}, kTime),
      "HTTP/1.1 201 Created\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
      "Location: http://h/a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
}

TEST(ResponseText, SaysWhetherTheConnectionIsKept) {
  const auto render = [](bool keep_alive, bool http_1_1) {
    return RenderResponse({}, {false, keep_alive, http_1_1}, kTime);
  };
  EXPECT_EQ(render(true, true).find("Connection"), std::string::npos);
  EXPECT_NE(render(true, false).find("\r\nConnection: keep-alive\r\n"), std::string::npos);
  EXPECT_NE(render(false, true).find("\r\nConnection: close\r\n"), std::string::npos);
}

TEST(ResponseText, LeavesTheBodyOutWhereThereMayBeNone) {
  const std::string head =
      RenderResponse({200, "text/plain", "12345", {}}, {true, true, true}, kTime);
  EXPECT_NE(head.find("Content-Length: 5\r\n"), std::string::npos);
  EXPECT_TRUE(head.ends_with("\r\n\r\n"));
  const std::string none = RenderResponse({204, "text/plain", "x", {}}, {false, true, true}, kTime);
  EXPECT_EQ(none.find("Content-"), std::string::npos);
  EXPECT_TRUE(none.ends_with("\r\n\r\n"));
}

TEST(ResponseText, HasNoContentTypeWithoutABody) {
  EXPECT_EQ(
      RenderResponse({202, "application/json", "", {}}, {false, true, true}, kTime),
      "HTTP/1.1 202 Accepted\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\n\r\n");
  // What HEAD leaves out is described as GET describes it.
  const std::string head =
      RenderResponse({200, "text/plain", "12345", {}}, {true, true, true}, kTime);
  EXPECT_NE(head.find("\r\nContent-Type: text/plain\r\n"), std::string::npos);
}

TEST(ResponseText, LetsNoHeaderBreakTheAnswer) {
  const std::string text =
      RenderResponse({200, "text/plain", "", {{"A", "1\r\nB: 2"}, {"C d", "3"}, {"E", "4"}}},
                     {false, true, true}, kTime);
  EXPECT_EQ(text.find("B: 2"), std::string::npos);
  EXPECT_EQ(text.find("C d"), std::string::npos);
  EXPECT_NE(text.find("\r\nE: 4\r\n"), std::string::npos);
}

TEST(ResponseText, WritesErrorsAsKafkaConnectDoes) {
  const Response error = ErrorResponse(401);
  EXPECT_EQ(error.status, 401);
  EXPECT_EQ(error.content_type, "application/json");
  EXPECT_EQ(error.body, R"({"error_code":401,"message":"HTTP 401 Unauthorized"})");
  EXPECT_EQ(ErrorResponse(400, "No").body,
            R"({"error_code":400,"message":"HTTP 400 Bad Request: No"})");
}

}  // namespace
}  // namespace khs::rest
