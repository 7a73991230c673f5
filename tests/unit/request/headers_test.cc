#include "request/headers.h"

#include <gtest/gtest.h>

namespace khs::request {
namespace {

TEST(Headers, AreOneLineEachAsTheyGoOnTheWire) {
  Headers headers;
  EXPECT_EQ(headers.lines(), "");
  headers.Add("Tenant", "t1");
  headers.Add("Empty", "");
  headers.Add("Place", {"a", "/", "b"});
  EXPECT_EQ(headers.lines(), "Tenant: t1\r\nEmpty: \r\nPlace: a/b\r\n");
}

TEST(Headers, KnowTheirNamesInAnyCaseAndNothingElse) {
  Headers headers;
  EXPECT_FALSE(headers.Has("Host"));
  headers.Add("X-Host", "Host: x");
  headers.Add("Hos", "t: x");
  EXPECT_FALSE(headers.Has("Host"));
  EXPECT_FALSE(headers.Has("Hos: t: x, and longer than the rest of it is"));
  headers.Add("HOST", "h");
  EXPECT_TRUE(headers.Has("Host"));
  EXPECT_TRUE(headers.Has("x-host"));
}

TEST(Headers, FindTheFirstValueOfAName) {
  Headers headers;
  headers.Add("A", "1");
  headers.Add("Empty", "");
  headers.Add("a", "2");
  EXPECT_EQ(headers.Find("a"), "1");
  EXPECT_EQ(headers.Find("empty"), "");
  EXPECT_EQ(headers.Find("B"), std::nullopt);
}

TEST(Headers, AreSetInTheirPlaceOrAtTheEnd) {
  Headers headers;
  headers.Add("Type", "short");
  headers.Add("Last", "x");
  headers.Set("type", "much longer than before");
  headers.Set("New", "y");
  EXPECT_EQ(headers.lines(), "Type: much longer than before\r\nLast: x\r\nNew: y\r\n");
  headers.Set("Type", "");
  EXPECT_EQ(headers.lines(), "Type: \r\nLast: x\r\nNew: y\r\n");
}

}  // namespace
}  // namespace khs::request
