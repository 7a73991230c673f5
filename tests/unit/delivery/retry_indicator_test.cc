#include "delivery/retry_indicator.h"

#include <gtest/gtest.h>

#include <string>

namespace khs::delivery {
namespace {

struct Case {
  const char* body;
  std::optional<bool> indicator;
};

TEST(RetryIndicator, IsTheTopLevelRetryOfAJsonObjectAndNothingElse) {
  const Case cases[] = {
      {R"({"retry":true})", true},
      {R"({"retry":false})", false},
      {R"({"retry":"true"})", true},
      {R"({"retry":"FALSE"})", false},
      {R"({"retry":"True"})", true},
      {R"(  {"a":[1,2],"retry":false,"b":null} )", false},
      {R"({"retry":"yes"})", std::nullopt},
      {R"({"retry":""})", std::nullopt},
      {R"({"retry":1})", std::nullopt},
      {R"({"retry":0})", std::nullopt},
      {R"({"retry":null})", std::nullopt},
      {R"({"retry":{"retry":true}})", std::nullopt},
      {R"({"Retry":true})", std::nullopt},
      {R"({"inner":{"retry":true}})", std::nullopt},
      {R"([{"retry":true}])", std::nullopt},
      {R"("retry")", std::nullopt},
      {R"(true)", std::nullopt},
      {R"({})", std::nullopt},
      {"", std::nullopt},
      {"OK", std::nullopt},
      {R"({"retry":true)", std::nullopt},
      {"<html>retry</html>", std::nullopt},
      {"{\"retry\":true} x", std::nullopt},
      {"1{\"retry\":true}", std::nullopt},
      {"11 {\"retry\":true}", std::nullopt},
      {" ", std::nullopt},
      {"{\"retry\":true}\xff{\"retry\":false}", std::nullopt},
  };
  for (const Case& c : cases) EXPECT_EQ(ParseRetryIndicator(c.body), c.indicator) << c.body;
}

TEST(RetryIndicator, OfABodyOver64KiBCountsAsMissing) {
  std::string body = R"({"retry":true,"padding":")";
  body.append(kMaxIndicatorBody - body.size() - 2, 'x');
  body += R"("})";
  ASSERT_EQ(body.size(), kMaxIndicatorBody);
  EXPECT_EQ(ParseRetryIndicator(body), true);
  body.insert(body.size() - 2, "x");
  EXPECT_EQ(ParseRetryIndicator(body), std::nullopt);
}

TEST(RetryIndicator, IsFoundBesideNumbersOfAnySize) {
  for (const char* number :
       {"123456789012345678901234567890", "-99999999999999999999.99999999999999999999", "1e999",
        "-1.5E+400", "2e-999", "0.00000000000000000000000000001", "-0", "9223372036854775808"}) {
    const std::string member = std::string("\"id\":") + number;
    EXPECT_EQ(ParseRetryIndicator("{" + member + ",\"retry\":false}"), false) << number;
    EXPECT_EQ(ParseRetryIndicator("{\"retry\":true," + member + "}"), true) << number;
  }
  // Digits in a string are text.
  EXPECT_EQ(ParseRetryIndicator(R"({"\"1234567890123456789012345":"retry","retry":true})"), true);
  EXPECT_EQ(ParseRetryIndicator(R"({"retry":1234567890123456789012345})"), std::nullopt);
}

TEST(RetryIndicator, IsNotFoundInSimilarKeysOrTexts) {
  for (const char* body :
       {R"({"retry\u0000":true})", R"({"retry\u0000x":false})", R"({"retry":"true\u0000"})",
        R"({"retry":"false\u0000x"})", R"({"\u0000retry":true})"}) {
    EXPECT_EQ(ParseRetryIndicator(body), std::nullopt) << body;
  }
  EXPECT_EQ(ParseRetryIndicator(R"({"retry\u0000x":false,"retry":true})"), true);
  EXPECT_EQ(ParseRetryIndicator(R"({"a\\u0000":1,"retry":true})"), true);
}

TEST(RetryIndicator, IsReadAsLenientlyAsGsonReads) {
  const Case cases[] = {
      {"\xef\xbb\xbf{\"retry\":false}", false},
      {" \xef\xbb\xbf{\"retry\":false}", std::nullopt},
      {")]}'\n{\"retry\":false}", false},
      {"\xef\xbb\xbf )]}'\n {\"retry\":false}", false},
      {")]}'{\"retry\":false}", std::nullopt},
      {"{\"text\":\"Stra\xdf"
       "e \xff\",\"retry\":false}",
       false},
      {R"({"text":"\ud800","retry":false})", false},
      {"{\"text\":\"a\nb\tc\x01\",\"retry\":true}", true},
      {"{'retry': False}", false},
      {"{retry:TRUE}", true},
      {"{retry: 'fAlse'}", false},
      {"{'a':'it\"s','retry':\"true\"}", true},
      {"/* so */ {// and so\n\"retry\"# and so\r:/**/false}// and so", false},
      {"{\"retry\":false} /* never ended", std::nullopt},
      {"{\"a\":NaN,\"b\":-Infinity,\"c\":1e,\"retry\":false}", false},
      {"{\"a\"=1;\"retry\"=>true}", true},
      {"{\"a\":[,1,,],\"retry\":true}", true},
      {"{\"a\":[[],{},{\"retry\":true}],\"retry\":false}", false},
      {R"({"\u0072etry":false})", false},
      {R"({"retry":"tru\u0065"})", true},
      {R"({"r\etry":false})", std::nullopt},
      {R"({"retry\u00g0":false})", std::nullopt},
      {R"({"ret\u0172y":false})", std::nullopt},
      {R"({"retry":true,"retry":false})", false},
      {R"({"retry":true,"retry":[]})", std::nullopt},
      {R"({"retry":true,})", std::nullopt},
      {R"({,"retry":true})", std::nullopt},
      {R"({"retry" true})", std::nullopt},
      {R"({"retry":})", std::nullopt},
      {R"({"a":1 "retry":true})", std::nullopt},
      {R"({"a":[1 2],"retry":true})", std::nullopt},
      {R"({"a":[1},"retry":true})", std::nullopt},
      {R"({"retry":true}})", std::nullopt},
      {R"({"retry":true} {})", std::nullopt},
      {"{\"retry\":\"true}", std::nullopt},
      {"{\"retry\":\"true\\", std::nullopt},
      {"{", std::nullopt},
      {"{retry", std::nullopt},
      {"\xef\xbb\xbf", std::nullopt},
  };
  for (const Case& c : cases) EXPECT_EQ(ParseRetryIndicator(c.body), c.indicator) << c.body;
}

TEST(RetryIndicator, SurvivesDeeplyNestedJson) {
  std::string body = R"({"retry":true,"deep":)";
  body.append(20'000, '[');
  EXPECT_EQ(ParseRetryIndicator(body), std::nullopt);
}

}  // namespace
}  // namespace khs::delivery
