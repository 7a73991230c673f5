#include "config/headers.h"

#include <gmock/gmock.h>

#include <string>

namespace khs::config {
namespace {

using ::testing::HasSubstr;

std::string Reason(std::string_view text, std::string_view separator = "|") {
  const auto headers = ParseHeaders(text, separator);
  return headers ? "" : headers.error();
}

TEST(Headers, ReadTheLegacyFormSplitAtTheFirstColon) {
  EXPECT_EQ(*ParseHeaders("X-A:b|X-C: http://d:1 |X-E:", "|"),
            (Headers{{"X-A", "b"}, {"X-C", "http://d:1"}, {"X-E", ""}}));
  EXPECT_EQ(*ParseHeaders("X-A:b.*X-C:d.*", ".*"), (Headers{{"X-A", "b"}, {"X-C", "d"}}));
  EXPECT_EQ(*ParseHeaders("", "|"), Headers{});
}

TEST(Headers, ReadAJsonObjectOfScalars) {
  EXPECT_EQ(
      *ParseHeaders(R"({"X-A":"b|c","X-B":1,"X-C":true,"X-D":0.5,"Host":"h"})", "|"),
      (Headers{{"X-A", "b|c"}, {"X-B", "1"}, {"X-C", "true"}, {"X-D", "0.5"}, {"Host", "h"}}));
  EXPECT_EQ(*ParseHeaders("{}", "|"), Headers{});
}

TEST(Headers, RefuseWhatHttpOrTheClientForbids) {
  const struct {
    std::string_view text;
    std::string_view reason;
  } cases[] = {
      {"X-A", "entry 1 has no ':'"},
      {"X-A:b||X-C:d", "entry 2 has no ':'"},
      {"X A:b", "not a header name"},
      {":b", "not a header name"},
      {"X-A:b\r\nX-Evil:c", "control character"},
      {"x-a:b|X-A:c", "given twice"},
      {"content-length:5", "set by the HTTP client"},
      {"TE:trailers", "set by the HTTP client"},
      {R"({"X-A":null})", "must be a string, a number or a boolean"},
      {R"({"X-A":{"b":1}})", "must be a string, a number or a boolean"},
      {R"({"X-A":[1]})", "must be a string, a number or a boolean"},
      {R"({"X-A":"b","X-A":"c"})", "given twice"},
      {R"({"X-A":"b\u0000"})", "control character"},
      {R"({"X-A":)", "broken"},
  };
  for (const auto& one : cases) EXPECT_THAT(Reason(one.text), HasSubstr(one.reason)) << one.text;
}

TEST(Headers, NeverQuoteAValue) {
  EXPECT_THAT(Reason("Authorization:secret\x01"), ::testing::Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace khs::config
