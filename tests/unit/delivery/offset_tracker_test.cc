#include "delivery/offset_tracker.h"

#include <gtest/gtest.h>

namespace khs::delivery {
namespace {

TEST(OffsetTracker, HasNoPositionBeforeAnythingIsFinished) {
  OffsetTracker tracker;
  EXPECT_EQ(tracker.position(), std::nullopt);
  EXPECT_TRUE(tracker.Receive(7));
  EXPECT_EQ(tracker.position(), std::nullopt);
}

TEST(OffsetTracker, CommitsOnlyTheContiguousPrefix) {
  OffsetTracker tracker;
  for (const int64_t offset : {0, 1, 2, 3}) tracker.Receive(offset);
  tracker.Finish(1);
  tracker.Finish(3);
  EXPECT_EQ(tracker.position(), std::nullopt);
  tracker.Finish(0);
  EXPECT_EQ(tracker.position(), 2);
  tracker.Finish(2);
  EXPECT_EQ(tracker.position(), 4);
  EXPECT_EQ(tracker.open(), 0u);
}

TEST(OffsetTracker, PassesOverGapsInTheOffsets) {
  OffsetTracker tracker;
  for (const int64_t offset : {5, 9, 100}) tracker.Receive(offset);
  tracker.Finish(5);
  EXPECT_EQ(tracker.position(), 6);
  tracker.Finish(100);
  tracker.Finish(9);
  EXPECT_EQ(tracker.position(), 101);
}

TEST(OffsetTracker, RefusesOffsetsThatDoNotRise) {
  OffsetTracker tracker;
  EXPECT_TRUE(tracker.Receive(5));
  EXPECT_FALSE(tracker.Receive(5));
  EXPECT_FALSE(tracker.Receive(4));
  EXPECT_EQ(tracker.open(), 1u);
}

TEST(OffsetTracker, IgnoresWhatItDoesNotKnowAndRepeats) {
  OffsetTracker tracker;
  tracker.Receive(1);
  tracker.Receive(2);
  tracker.Finish(7);
  tracker.Finish(0);
  EXPECT_EQ(tracker.position(), std::nullopt);
  tracker.Finish(1);
  tracker.Finish(1);
  EXPECT_EQ(tracker.position(), 2);
}

}  // namespace
}  // namespace khs::delivery
