#include "kafka/log_end_offsets.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <thread>

#include "kafka/producer.h"
#include "support/faulty_broker.h"

namespace khs::kafka {
namespace {

using namespace std::chrono_literals;

class LogEndOffsetsOnMockCluster : public ::testing::Test {
 protected:
  LogEndOffsetsOnMockCluster() { broker_.CreateTopic("t", 2); }

  void Produce(int count, int partition) {
    Producer producer(ClientProperties());
    for (int i = 0; i < count; ++i) producer.Produce("t", partition, "k", "v");
    ASSERT_TRUE(producer.Flush(30s));
  }
  Properties ClientProperties() const {
    return {{"bootstrap.servers", broker_.bootstrap_servers()}};
  }
  // Polls, because no event says that an end was read.
  static bool Await(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(5ms);
    }
    return true;
  }

  khs::testing::FaultyBroker broker_;
  LogEndOffsets ends_{50ms};
};

TEST_F(LogEndOffsetsOnMockCluster, IncreaseWhenRecordsAreProduced) {
  Produce(3, 0);
  const auto watch = ends_.Open(ClientProperties());
  EXPECT_EQ(watch->EndOffset({"t", 0}), std::nullopt);
  watch->SetPartitions({{"t", 0}, {"t", 1}});
  EXPECT_TRUE(Await([&] {
    return watch->EndOffset({"t", 0}) == 3 && watch->EndOffset({"t", 1}) == 0;
  }));
  Produce(2, 1);
  EXPECT_TRUE(Await([&] { return watch->EndOffset({"t", 1}) == 2; }));
  watch->SetPartitions({{"t", 1}});
  EXPECT_EQ(watch->EndOffset({"t", 0}), std::nullopt);
  EXPECT_EQ(watch->EndOffset({"t", 1}), 2);
}

TEST_F(LogEndOffsetsOnMockCluster, AreUnknownWhileTheBrokerIsDown) {
  const auto watch = ends_.Open(ClientProperties());
  watch->SetPartitions({{"t", 0}});
  EXPECT_TRUE(Await([&] { return watch->EndOffset({"t", 0}) == 0; }));
  broker_.SetDown(true);
  EXPECT_TRUE(Await([&] { return !watch->EndOffset({"t", 0}); }));
  broker_.SetDown(false);
  EXPECT_TRUE(Await([&] { return watch->EndOffset({"t", 0}) == 0; }));
}

TEST_F(LogEndOffsetsOnMockCluster, OfOneWatchDoNotDependOnAnother) {
  const auto lost = ends_.Open(ClientProperties());
  const auto nowhere = ends_.Open({{"bootstrap.servers", "127.0.0.1:1"}});
  const auto invalid = ends_.Open({{"no.such.property", "1"}});
  const auto watch = ends_.Open(ClientProperties());
  lost->SetPartitions({{"t", 99}});
  nowhere->SetPartitions({{"t", 0}});
  invalid->SetPartitions({{"t", 0}});
  watch->SetPartitions({{"t", 0}});
  EXPECT_TRUE(Await([&] { return watch->EndOffset({"t", 0}) == 0; }));
  EXPECT_EQ(lost->EndOffset({"t", 99}), std::nullopt);
  EXPECT_EQ(nowhere->EndOffset({"t", 0}), std::nullopt);
  EXPECT_EQ(invalid->EndOffset({"t", 0}), std::nullopt);
}

}  // namespace
}  // namespace khs::kafka
