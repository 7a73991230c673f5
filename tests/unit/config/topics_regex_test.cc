#include "config/topics_regex.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace khs::config {
namespace {

using ::testing::HasSubstr;

std::string Times(size_t count, const std::string& text) {
  std::string all;
  for (size_t i = 0; i < count; ++i) all += text;
  return all;
}

// Each of these would exhaust the stack, take gigabytes, or never finish.
TEST(TopicsRegex, IsRejectedIfCompilingWouldExhaustTheProcess) {
  EXPECT_THAT(ValidateTopicsRegex(Times(60'000, "(") + "a" + Times(60'000, ")")),
              HasSubstr("8192 bytes"));
  EXPECT_THAT(ValidateTopicsRegex(Times(4'000, "(") + "a" + Times(4'000, ")")),
              HasSubstr("50 nested parentheses"));
  EXPECT_THAT(ValidateTopicsRegex("((a{1,255}){1,255}){1,99}"), HasSubstr("20000 elements"));
  EXPECT_THAT(ValidateTopicsRegex("([ab]{255}){255}"), HasSubstr("20000 elements"));
  EXPECT_THAT(ValidateTopicsRegex("a{255}{255}"), HasSubstr("20000 elements"));
  EXPECT_THAT(ValidateTopicsRegex("[]a(]{30000}"), HasSubstr("20000 elements"));
  EXPECT_THAT(ValidateTopicsRegex("a{99999999999999999999999999}"), HasSubstr("20000 elements"));
  EXPECT_THAT(ValidateTopicsRegex("(a*)*\\1"), HasSubstr("back-references"));
}

TEST(TopicsRegex, IsAcceptedUpToTheLimits) {
  for (const std::string& pattern :
       {std::string("orders\\..*"), std::string("(a|b){2,3}-[[:digit:]]{1,4}"),
        std::string("[](){}{9999}]+x"), std::string("a\\{99999\\}"), std::string("[^]]"),
        Times(50, "(") + "a" + Times(50, ")"), Times(300, "some.topic.or.other|") + "last",
        std::string("a{20000}")}) {
    EXPECT_EQ(ValidateTopicsRegex(pattern), "") << pattern;
  }
  for (const std::string pattern : {"a(", "[", "[[:alpha:", "a{2", "*)", "a{3,1}", "\\", "a\nb"}) {
    EXPECT_NE(ValidateTopicsRegex(pattern), "") << pattern;
  }
}

TEST(TopicsRegex, MatchesWholeNames) {
  EXPECT_TRUE(MatchesTopicsRegex("a|b.*", "bc"));
  EXPECT_FALSE(MatchesTopicsRegex("a|b", "bc"));
  EXPECT_FALSE(MatchesTopicsRegex("a|b", "xa"));
}

}  // namespace
}  // namespace khs::config
