#include "kafka/log_ends.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <thread>

#include "kafka/embedded_broker.h"
#include "kafka/producer.h"

namespace khs::kafka {
namespace {

using namespace std::chrono_literals;

class LogEndsOnMockCluster : public ::testing::Test {
 protected:
  LogEndsOnMockCluster() { broker_.CreateTopic("t", 2); }

  void Produce(int count, int partition) {
    Producer producer(Mine());
    for (int i = 0; i < count; ++i) producer.Produce("t", partition, "k", "v");
    ASSERT_TRUE(producer.Flush(30s));
  }
  Properties Mine() const { return {{"bootstrap.servers", broker_.bootstrap_servers()}}; }
  // What is known comes by time and not by an event.
  static bool Await(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(5ms);
    }
    return true;
  }

  EmbeddedBroker broker_;
  LogEnds ends_{50ms};
};

TEST_F(LogEndsOnMockCluster, FollowWhatIsProduced) {
  Produce(3, 0);
  const auto watch = ends_.Open(Mine());
  EXPECT_EQ(watch->End({"t", 0}), std::nullopt);
  watch->Follow({{"t", 0}, {"t", 1}});
  EXPECT_TRUE(Await([&] { return watch->End({"t", 0}) == 3 && watch->End({"t", 1}) == 0; }));
  Produce(2, 1);
  EXPECT_TRUE(Await([&] { return watch->End({"t", 1}) == 2; }));
  watch->Follow({{"t", 1}});
  EXPECT_EQ(watch->End({"t", 0}), std::nullopt);
  EXPECT_EQ(watch->End({"t", 1}), 2);
}

TEST_F(LogEndsOnMockCluster, AreNotKnownWhileTheBrokerIsAwayAndKnownAgainWhenItIsBack) {
  const auto watch = ends_.Open(Mine());
  watch->Follow({{"t", 0}});
  EXPECT_TRUE(Await([&] { return watch->End({"t", 0}) == 0; }));
  broker_.SetDown(true);
  EXPECT_TRUE(Await([&] { return !watch->End({"t", 0}); }));
  broker_.SetDown(false);
  EXPECT_TRUE(Await([&] { return watch->End({"t", 0}) == 0; }));
}

TEST_F(LogEndsOnMockCluster, OfOneConsumerDoNotDependOnWhatAnotherAsksFor) {
  const auto lost = ends_.Open(Mine());
  const auto nowhere = ends_.Open({{"bootstrap.servers", "127.0.0.1:1"}});
  const auto invalid = ends_.Open({{"no.such.property", "1"}});
  const auto watch = ends_.Open(Mine());
  lost->Follow({{"t", 99}});
  nowhere->Follow({{"t", 0}});
  invalid->Follow({{"t", 0}});
  watch->Follow({{"t", 0}});
  EXPECT_TRUE(Await([&] { return watch->End({"t", 0}) == 0; }));
  EXPECT_EQ(lost->End({"t", 99}), std::nullopt);
  EXPECT_EQ(nowhere->End({"t", 0}), std::nullopt);
  EXPECT_EQ(invalid->End({"t", 0}), std::nullopt);
}

}  // namespace
}  // namespace khs::kafka
