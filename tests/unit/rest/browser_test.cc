#include "rest/browser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/rest/connect_fixture.h"

namespace khs::rest {
namespace {

using ::testing::HasSubstr;

class BrowserTest : public ConnectTest {
 protected:
  BrowserTest() { Add("a"); }

  int Status(const std::string& method, const std::string& path, Headers headers,
             bool from_loopback = true) {
    headers.try_emplace("host", "localhost:8083");
    return Send(method, path, "", std::move(headers), from_loopback).status;
  }
};

const std::pair<const char*, const char*> kActing[] = {
    {"POST", "/-/drain"},
    {"POST", "/-/reload"},
    {"GET", "/connectors/a/pause"},
    {"PUT", "/connectors/a/pause"},
    {"GET", "/connectors/a/resume"},
    {"POST", "/connectors/a/restart"},
    {"DELETE", "/connectors/a"},
};

TEST_F(BrowserTest, RejectsActionsOfOtherSites) {
  for (const auto& [method, path] : kActing) {
    for (const Headers& page :
         {Headers{{"origin", "http://evil"}}, Headers{{"origin", "null"}},
          Headers{{"sec-fetch-site", "cross-site"}}, Headers{{"sec-fetch-site", "same-site"}}}) {
      EXPECT_EQ(Status(method, path, page), 403) << method << ' ' << path;
    }
    EXPECT_EQ(Status(method, path, {{"sec-fetch-site", "cross-site"}}, false), 403) << path;
  }
  EXPECT_THAT(Send("GET", "/connectors/a/pause", "", {{"origin", "http://evil"}}, true).body,
              HasSubstr("a web page of another site"));
  EXPECT_EQ(worker_.connectors.count("a"), 1u);
  EXPECT_TRUE(worker_.calls.empty());
}

TEST_F(BrowserTest, AllowsOtherCallersToActAndPagesToRead) {
  EXPECT_EQ(Status("GET", "/connectors/a/pause", {}), 202);
  EXPECT_EQ(Status("PUT", "/connectors/a/pause", {{"sec-fetch-site", "none"}}), 202);
  EXPECT_EQ(Status("PUT", "/connectors/a/pause",
                   {{"sec-fetch-site", "same-origin"}, {"origin", "http://localhost:8083"}}),
            202);
  // The proxy of a user interface forwards these headers.
  EXPECT_EQ(Status("PUT", "/connectors/a/pause", {{"origin", "http://ui"}}, false), 202);
  EXPECT_EQ(Status("GET", "/connectors", {{"origin", "http://evil"}}), 200);
  EXPECT_EQ(Status("HEAD", "/connectors", {{"sec-fetch-site", "cross-site"}}), 200);
}

// DNS rebinding: a GET has no Origin, and other methods have one.
TEST_F(BrowserTest, RequiresALocalHostForAGetThatActs) {
  for (const char* host : {"localhost", "LocalHost:8083", "127.0.0.1:8083", "10.1.2.3",
                           "[::1]:8083", "[2001:db8::1]", ""}) {
    EXPECT_EQ(Status("GET", "/connectors/a/pause", {{"host", host}}), 202) << host;
  }
  for (const char* host :
       {"evil.example", "evil.example:8083", "localhost.evil.example", "127.0.0.1.evil", "127.1",
        "[evil]", "[::1.evil]", "[", "::1", ":8083"}) {
    EXPECT_EQ(Status("GET", "/connectors/a/pause", {{"host", host}}), 403) << host;
    EXPECT_EQ(Status("GET", "/connectors/a/pause", {{"host", host}}, false), 202) << host;
    EXPECT_EQ(Status("GET", "/connectors", {{"host", host}}), 200) << host;
    EXPECT_EQ(Status("PUT", "/connectors/a/pause", {{"host", host}}), 202) << host;
    EXPECT_EQ(Status("POST", "/-/reload", {{"host", host}}), 200) << host;
  }
}

}  // namespace
}  // namespace khs::rest
