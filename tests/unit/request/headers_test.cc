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

}  // namespace
}  // namespace khs::request
