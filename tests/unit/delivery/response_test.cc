#include "delivery/response.h"

#include <gtest/gtest.h>

#include <string>

#include "delivery/decision.h"

namespace khs::delivery {
namespace {

TEST(Excerpt, IsOnePrintableLine) {
  const struct {
    std::string body;
    size_t bytes;
    std::string excerpt;
  } cases[] = {
      {"", 10, ""},
      {"short", 0, ""},
      {"short", 5, "short"},
      {"longer", 5, "longe..."},
      {"{\r\n  \"error\":\t\"x\"\n}\n", 100, "{ \"error\": \"x\" }"},
      {"  \n a", 100, "a"},
      {std::string("a\0b\x1b[31m", 8), 100, "a\\x00b\\x1b[31m"},
      {"a\xff", 100, "a\\xff"},
      {"a\xe2\x80\xae", 100, "a\\xe2\\x80\\xae"},  // reorders what follows
      {"gr\xc3\xbc\xc3\x9f", 100, "gr\xc3\xbc\xc3\x9f"},
      {"gr\xc3\xbc\xc3\x9f", 5, "gr\xc3\xbc..."},
      {"gr\xc3\xbc\xc3\x9f", 3, "gr..."},
      {"a\x80\x80\x80\x80\x80\x80", 5, "a\\x80..."},
      {"token s3cret", 100, "token ***"},
      {"token s3cret", 8, "token ***..."},
      {"token s3cret", 6, "token..."},
      {"\x80\x80", 1, ""},
  };
  const base::SecretFilter secrets({"s3cret"});
  for (const auto& [body, bytes, excerpt] : cases) {
    EXPECT_EQ(MakeExcerpt(body, {bytes, secrets}), excerpt) << body << ' ' << bytes;
  }
}

TEST(Excerpt, IsPartOfTheDescriptionOfAnError) {
  const auto describe = [](const std::string& body, size_t bytes) {
    return Describe(ParseOutcome(Response{422, {}, body}, {}, {bytes, {}}));
  };
  EXPECT_EQ(describe("no such customer", 0), "HTTP 422, no retry indicator");
  EXPECT_EQ(describe("", 100), "HTTP 422, no retry indicator");
  EXPECT_EQ(describe("no such customer", 100), "HTTP 422, no retry indicator: no such customer");
  EXPECT_EQ(describe(R"({"retry":true})", 100), R"(HTTP 422, retry=true: {"retry":true})");
  EXPECT_EQ(describe(R"({"retry":false})", 100), "HTTP 422, retry=false");
}

}  // namespace
}  // namespace khs::delivery
