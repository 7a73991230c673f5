#include "rest/probes.h"

#include <gtest/gtest.h>

namespace khs::rest {
namespace {

Request Make(const std::string& method, const std::string& path) {
  return {method, path, {}, {}, {}, true};
}

class ProbesTest : public testing::Test {
 protected:
  Response Ask(const std::string& method, const std::string& path) {
    return RouteProbes({[] { return std::string("metric 1\n"); }, [this] { return starting_; },
                        [this] { return unready_; }},
                       Make(method, path));
  }
  std::string starting_;
  std::vector<std::string> unready_;
};

TEST_F(ProbesTest, ShowMetricsInPrometheusFormat) {
  const Response response = Ask("GET", "/metrics");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(response.body, "metric 1\n");
}

TEST_F(ProbesTest, AreAliveInAnyState) {
  starting_ = "starting";
  unready_ = {"x"};
  EXPECT_EQ(Ask("GET", "/livez").status, 200);
}

TEST_F(ProbesTest, AreStartedOnceTheDirectoryWasReadAndSayWhyNotBefore) {
  EXPECT_EQ(Ask("GET", "/startupz").status, 200);
  starting_ = "/connectors cannot be read: No such file or directory";
  const Response response = Ask("GET", "/startupz");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.body, "/connectors cannot be read: No such file or directory\n");
}

TEST_F(ProbesTest, SayWhyTheProcessIsNotReady) {
  EXPECT_EQ(Ask("GET", "/readyz").status, 200);
  unready_ = {"connector a: no broker answers"};
  const Response response = Ask("GET", "/readyz");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.body, "connector a: no broker answers\n");
}

TEST_F(ProbesTest, AreReadOnly) {
  EXPECT_EQ(Ask("HEAD", "/metrics").status, 200);
  const Response response = Ask("POST", "/metrics");
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(response.headers.at("Allow"), "GET, HEAD");
  EXPECT_EQ(Ask("GET", "/connectors").status, 404);
}

}  // namespace
}  // namespace khs::rest
