#include "kafka/cluster.h"

#include <gtest/gtest.h>

#include <chrono>
#include <stop_token>

namespace khs::kafka {
namespace {

using namespace std::chrono_literals;

TEST(ClusterId, TimesOutWhenNoBrokerListens) {
  const auto id = DescribeCluster({{"bootstrap.servers", "127.0.0.1:1"}}, 300ms);
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().kind, AdminError::Kind::kUnavailable);
  EXPECT_NE(id.error().text.find("Connection refused"), std::string::npos) << id.error().text;
}

TEST(ClusterId, IsNotAwaitedAfterAStop) {
  std::stop_source stop;
  stop.request_stop();
  const auto start = std::chrono::steady_clock::now();
  const auto id = DescribeCluster({{"bootstrap.servers", "127.0.0.1:1"}}, 2min, stop.get_token());
  EXPECT_LT(std::chrono::steady_clock::now() - start, 60s);
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().kind, AdminError::Kind::kUnavailable);
}

}  // namespace
}  // namespace khs::kafka
