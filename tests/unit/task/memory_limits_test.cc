#include "task/memory_limits.h"

#include <gtest/gtest.h>

namespace khs::task {
namespace {

constexpr size_t kBound = 12'000;
constexpr MemoryLimits::Load kIdle{0, 0, 1};

// Two partitions within a bound, of which each has a quota of 2000 bytes.
class MemoryLimitsTest : public testing::Test {
 protected:
  MemoryLimitsTest() {
    limits_.AddPartition();
    limits_.AddPartition();
    limits_.ClearFlowChanged();
  }

  MemoryLimits limits_{kBound};
  MemoryLimits::Usage first_;
  MemoryLimits::Usage second_;
};

TEST_F(MemoryLimitsTest, WantNothingWhileAThirdOfTheBoundIsAvailable) {
  EXPECT_EQ(limits_.UpdateDemand(kIdle).bytes, kBound);
  EXPECT_EQ(limits_.UpdateDemand({kBound / 3 - 1, 1, 1}).bytes, kBound);
  EXPECT_EQ(limits_.UpdateDemand({kBound / 3, 0, 1}).bytes, 0u);
}

TEST_F(MemoryLimitsTest, WantNothingOnceAQuarterOfAMiBFillsTheLanes) {
  MemoryLimits large(64u << 20);
  EXPECT_GT(large.UpdateDemand({256u << 10, 3, 4}).bytes, 0u);
  EXPECT_EQ(large.UpdateDemand({256u << 10, 4, 4}).bytes, 0u);
}

TEST_F(MemoryLimitsTest, WantMoreOnceHalfOfWhatIsReadAheadIsLeft) {
  MemoryLimits large(64u << 20);
  EXPECT_GT(large.UpdateDemand({128u << 10, 4, 4}).bytes, 0u);
  EXPECT_EQ(large.UpdateDemand({256u << 10, 4, 4}).bytes, 0u);
  EXPECT_EQ(large.UpdateDemand({128u << 10, 4, 4}).bytes, 0u);
  EXPECT_GT(large.UpdateDemand({(128u << 10) - 1, 4, 4}).bytes, 0u);
  EXPECT_GT(large.UpdateDemand({128u << 10, 4, 4}).bytes, 0u);
}

TEST_F(MemoryLimitsTest, WantNothingWhileEnoughIsOnItsWay) {
  MemoryLimits large(64u << 20);
  const MemoryLimits::Demand demand = large.UpdateDemand(kIdle);
  EXPECT_EQ(demand.Wanted((256u << 10) - 1), 64u << 20);
  EXPECT_EQ(demand.Wanted(256u << 10), 0u);
}

TEST_F(MemoryLimitsTest, WantOneBatchAtATimeOnceHalfOfTheBoundIsUsed) {
  EXPECT_EQ(limits_.UpdateDemand(kIdle).Wanted(kBound / 3), 0u);
  limits_.Hold(first_, kBound / 2);
  EXPECT_GT(limits_.UpdateDemand(kIdle).Wanted(0), 0u);
  EXPECT_EQ(limits_.UpdateDemand(kIdle).Wanted(1), 0u);
}

TEST_F(MemoryLimitsTest, PauseAPartitionAtItsQuotaOnceHalfOfTheBoundIsUsed) {
  limits_.Hold(first_, kBound / 2 - 1);
  EXPECT_FALSE(limits_.flow_changed());
  EXPECT_EQ(limits_.UpdateFlow(first_), std::nullopt);
  limits_.Hold(first_, 1);
  EXPECT_TRUE(limits_.flow_changed());
  EXPECT_EQ(limits_.UpdateFlow(first_), false);
  EXPECT_EQ(limits_.UpdateFlow(second_), std::nullopt);
  EXPECT_EQ(limits_.UpdateDemand(kIdle).bytes, 1000u);  // half of a quota
}

TEST_F(MemoryLimitsTest, ResumeAPartitionAtHalfOfItsQuota) {
  limits_.Hold(first_, kBound / 2);
  limits_.Hold(second_, kBound / 2);
  ASSERT_EQ(limits_.UpdateFlow(first_), false);
  limits_.ClearFlowChanged();
  limits_.Release(first_, kBound / 2 - 1001);
  EXPECT_FALSE(limits_.flow_changed());
  EXPECT_EQ(limits_.UpdateFlow(first_), std::nullopt);
  limits_.Release(first_, 1);
  EXPECT_TRUE(limits_.flow_changed());
  EXPECT_EQ(limits_.UpdateFlow(first_), true);
}

TEST_F(MemoryLimitsTest, ResumeEveryPartitionOnceThreeQuartersAreFree) {
  limits_.Hold(first_, 2500);
  limits_.Hold(second_, kBound / 2);
  ASSERT_EQ(limits_.UpdateFlow(first_), false);
  limits_.Release(second_, kBound / 2);
  EXPECT_EQ(limits_.UpdateFlow(first_), true);
}

TEST_F(MemoryLimitsTest, PauseAndWantNothingWhileTheTaskIsPaused) {
  limits_.SetPaused(true);
  EXPECT_TRUE(limits_.flow_changed());
  EXPECT_EQ(limits_.UpdateFlow(first_), false);
  EXPECT_EQ(limits_.UpdateDemand(kIdle).bytes, 0u);
  limits_.SetPaused(false);
  EXPECT_EQ(limits_.UpdateFlow(first_), true);
}

}  // namespace
}  // namespace khs::task
