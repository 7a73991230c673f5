#include "delivery/offset_tracker.h"

#include <gtest/gtest.h>

namespace khs::delivery {
namespace {

using Receipt = OffsetTracker::Receipt;

OffsetTracker Having(std::initializer_list<int64_t> offsets) {
  OffsetTracker tracker;
  for (const int64_t offset : offsets) tracker.Receive(offset);
  return tracker;
}

TEST(OffsetTracker, HasNoPositionBeforeAnythingIsFinished) {
  OffsetTracker tracker;
  EXPECT_EQ(tracker.position(), std::nullopt);
  EXPECT_EQ(tracker.Receive(7), Receipt::kOpen);
  EXPECT_EQ(tracker.position(), std::nullopt);
}

TEST(OffsetTracker, CommitsOnlyTheContiguousPrefix) {
  OffsetTracker tracker;
  for (const int64_t offset : {0, 1, 2, 3}) tracker.Receive(offset);
  tracker.Finish(1);
  tracker.Finish(3);
  EXPECT_EQ(tracker.position(), 0);
  tracker.Finish(0);
  EXPECT_EQ(tracker.position(), 2);
  tracker.Finish(2);
  EXPECT_EQ(tracker.position(), 4);
  EXPECT_EQ(tracker.open(), 0u);
}

TEST(OffsetTracker, CommitsBeyondGaps) {
  OffsetTracker tracker;
  for (const int64_t offset : {5, 9, 100}) tracker.Receive(offset);
  tracker.Finish(5);
  EXPECT_EQ(tracker.position(), 9);
  tracker.Finish(100);
  tracker.Finish(9);
  EXPECT_EQ(tracker.position(), 101);
}

TEST(OffsetTracker, RefusesOffsetsThatDoNotIncrease) {
  OffsetTracker tracker;
  EXPECT_EQ(tracker.Receive(5), Receipt::kOpen);
  EXPECT_EQ(tracker.Receive(5), Receipt::kBackward);
  EXPECT_EQ(tracker.Receive(4), Receipt::kBackward);
  EXPECT_EQ(tracker.open(), 1u);
}

TEST(OffsetTracker, IgnoresUnknownAndRepeatedOffsets) {
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

TEST(OffsetTracker, ListsFinishedOffsetsBeyondThePosition) {
  OffsetTracker tracker = Having({0, 1, 2, 3, 4, 5});
  for (const int64_t offset : {1, 2, 4}) tracker.Finish(offset);
  EXPECT_EQ(tracker.Finished(), (OffsetRanges{{1, 2}, {4, 4}}));
  tracker.Finish(0);
  EXPECT_EQ(tracker.position(), 3);
  EXPECT_EQ(tracker.Finished(), (OffsetRanges{{4, 4}}));
}

TEST(OffsetTracker, CountsAGapAsFinished) {
  OffsetTracker tracker = Having({0, 10, 20, 30});
  tracker.Finish(20);
  EXPECT_EQ(tracker.Finished(), (OffsetRanges{{1, 9}, {11, 29}}));
}

TEST(OffsetTracker, ContinuesFromACommit) {
  OffsetTracker tracker;
  tracker.Restore(5, {{7, 8}, {20, 29}});
  EXPECT_EQ(tracker.position(), std::nullopt);
  EXPECT_EQ(tracker.Receive(5), Receipt::kOpen);
  EXPECT_EQ(tracker.Receive(6), Receipt::kOpen);
  EXPECT_EQ(tracker.Receive(7), Receipt::kFinished);
  // What was not read again yet is still known.
  EXPECT_EQ(tracker.Finished(), (OffsetRanges{{7, 8}, {20, 29}}));
  tracker.Finish(5);
  tracker.Finish(6);
  EXPECT_EQ(tracker.position(), 9);
  EXPECT_EQ(tracker.Finished(), (OffsetRanges{{20, 29}}));
  for (int64_t offset = 8; offset < 20; ++offset) {
    EXPECT_EQ(tracker.Receive(offset) == Receipt::kFinished, offset == 8);
    tracker.Finish(offset);
  }
  EXPECT_EQ(tracker.position(), 30);
  EXPECT_EQ(tracker.Finished(), OffsetRanges{});
  for (int64_t offset = 20; offset < 30; ++offset) {
    EXPECT_EQ(tracker.Receive(offset), Receipt::kFinished);
  }
  EXPECT_EQ(tracker.Receive(30), Receipt::kOpen);
}

TEST(OffsetTracker, RefusesOffsetsBeforeTheCommit) {
  OffsetTracker tracker;
  tracker.Restore(5, {{7, 8}});
  EXPECT_EQ(tracker.Receive(0), Receipt::kBackward);
}

TEST(OffsetTracker, KeepsOpenOffsetsOnly) {
  OffsetTracker tracker = Having({0});
  for (int64_t offset = 1; offset < 1'000'000; ++offset) {
    tracker.Receive(offset);
    tracker.Finish(offset);
  }
  EXPECT_EQ(tracker.open(), 1u);
  EXPECT_EQ(tracker.Finished(), (OffsetRanges{{1, 999'999}}));
  EXPECT_FALSE(tracker.Crowded());
}

TEST(OffsetTracker, IsCrowdedWhenFinishedOffsetsFillThreeQuartersOfTheMetadata) {
  OffsetTracker tracker;
  int64_t offset = 0;
  // Runs of different lengths, so that neither form is short.
  for (; !tracker.Crowded(); ++offset) {
    ASSERT_LT(offset, 100'000);
    tracker.Receive(offset);
    if (offset % 9 != 0) tracker.Finish(offset);
  }
  const std::string metadata = EncodeFinished(0, tracker.Finished());
  EXPECT_GE(metadata.size(), kMaxMetadataBytes / 4 * 3);
  EXPECT_LT(metadata.size(), kMaxMetadataBytes);
  for (int64_t open = 0; open < offset / 2; open += 9) tracker.Finish(open);
  EXPECT_FALSE(tracker.Crowded());
}

// With the first record that is finished all of them would have to be saved.
TEST(OffsetTracker, IsCrowdedByGapsAloneBeforeAnythingIsFinished) {
  OffsetTracker tracker;
  for (int64_t offset = 0; offset < 30'000; offset += offset % 7 + 2) {
    tracker.Receive(offset++);
    tracker.Receive(offset);
    tracker.Crowded();
  }
  EXPECT_TRUE(tracker.Crowded());
}

TEST(OffsetTracker, ContinuesAfterLostOffsets) {
  OffsetTracker tracker;
  tracker.Restore(5, {{7, 8}, {12, 13}});
  EXPECT_EQ(tracker.Unfinished(5, 12), 5);
  EXPECT_EQ(tracker.Unfinished(5, 13), 5);
  tracker.Begin(12);
  // 12 and 13 are finished, so nothing before 14 is to be read again.
  EXPECT_EQ(tracker.position(), 14);
  EXPECT_TRUE(tracker.Finished().empty());
  EXPECT_EQ(tracker.Receive(12), OffsetTracker::Receipt::kFinished);
  EXPECT_EQ(tracker.position(), 14);
}

TEST(OffsetTracker, DoesNotWaitForLostOffsetsWhileOthersAreOpen) {
  OffsetTracker tracker;
  tracker.Receive(3);
  tracker.Receive(4);
  tracker.Finish(3);
  tracker.Begin(20);
  EXPECT_EQ(tracker.position(), 4);
  tracker.Finish(4);
  EXPECT_EQ(tracker.position(), 20);
  EXPECT_EQ(tracker.Receive(19), OffsetTracker::Receipt::kBackward);
  EXPECT_EQ(tracker.Receive(20), OffsetTracker::Receipt::kOpen);
}

TEST(OffsetTracker, IsCrowdedByRestoredOffsetsFromTheFirstRecordOn) {
  OffsetRanges finished;
  for (int64_t offset = 1; offset < 24'000; offset += 20) {
    finished.push_back({offset, offset + offset % 7});
  }
  OffsetTracker tracker;
  tracker.Restore(0, finished);
  tracker.Receive(0);
  EXPECT_TRUE(tracker.Crowded());
}

}  // namespace
}  // namespace khs::delivery
