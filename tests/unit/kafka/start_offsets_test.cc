#include "kafka/start_offsets.h"

#include <gmock/gmock.h>

namespace khs::kafka {
namespace {

using delivery::LossReason;
using ::testing::AllOf;
using ::testing::HasSubstr;

const base::TopicPartition kPartition{"orders", 2};

PartitionFacts Log(int64_t start, int64_t end) {
  PartitionFacts facts;
  facts.partition = kPartition;
  facts.log_start = start;
  facts.log_end = end;
  return facts;
}

PartitionFacts Committed(int64_t offset, int64_t start, int64_t end) {
  PartitionFacts facts = Log(start, end);
  facts.committed = offset;
  return facts;
}

TEST(StartOffsets, AreTheCommittedOffsets) {
  for (const int64_t offset : {5, 7, 9}) {
    EXPECT_EQ(*DecideStart(ResetPolicy::kEarliest, Committed(offset, 5, 9)), Start{offset});
    EXPECT_EQ(*DecideStart(ResetPolicy::kNone, Committed(offset, 5, 9)), Start{offset});
  }
}

TEST(StartOffsets, WithoutACommitFollowThePolicyAndAreCommitted) {
  EXPECT_EQ(*DecideStart(ResetPolicy::kEarliest, Log(5, 9)), (Start{5, true}));
  EXPECT_EQ(*DecideStart(ResetPolicy::kLatest, Log(5, 9)), (Start{9, true}));
  EXPECT_THAT(DecideStart(ResetPolicy::kNone, Log(5, 9)).error(),
              AllOf(HasSubstr("orders[2]"), HasSubstr("no committed offset")));
}

TEST(StartOffsets, ReportALossWhenTheLogStartsAfterTheCommit) {
  for (const ResetPolicy policy : {ResetPolicy::kEarliest, ResetPolicy::kLatest}) {
    EXPECT_EQ(*DecideStart(policy, Committed(3, 5, 9)),
              (Start{5, true, task::Loss{kPartition, 3, 5, 2, LossReason::kRetention}}));
  }
  EXPECT_THAT(DecideStart(ResetPolicy::kNone, Committed(3, 5, 9)).error(),
              AllOf(HasSubstr("orders[2]@3"), HasSubstr("starts at 5"), HasSubstr("none")));
}

TEST(StartOffsets, AreTheLogStartWhenTheLogEndsBeforeTheCommit) {
  for (const ResetPolicy policy : {ResetPolicy::kEarliest, ResetPolicy::kLatest}) {
    EXPECT_EQ(*DecideStart(policy, Committed(20, 5, 9)),
              (Start{5, true, task::Loss{kPartition, 20, 5, 11, LossReason::kTruncated}}));
  }
  EXPECT_THAT(DecideStart(ResetPolicy::kNone, Committed(20, 5, 9)).error(),
              AllOf(HasSubstr("orders[2]@20"), HasSubstr("ends at 9")));
}

TEST(StartOffsets, AreTheLogStartWhenTheCommitIsGone) {
  PartitionFacts facts = Log(0, 9);
  facts.known = KnownCommit{4, 10};
  for (const ResetPolicy policy : {ResetPolicy::kEarliest, ResetPolicy::kLatest}) {
    EXPECT_EQ(*DecideStart(policy, facts),
              (Start{0, true, task::Loss{kPartition, 4, 0, 6, LossReason::kRecreated}}));
  }
  EXPECT_THAT(DecideStart(ResetPolicy::kNone, facts).error(), HasSubstr("created again"));
}

TEST(StartOffsets, ReportARecreatedTopicEvenWhenNoRecordIsLost) {
  PartitionFacts facts = Log(0, 9);
  facts.known = KnownCommit{10, 10};
  EXPECT_EQ(*DecideStart(ResetPolicy::kEarliest, facts),
            (Start{0, true, task::Loss{kPartition, 10, 0, 0, LossReason::kRecreated}}));
}

TEST(StartOffsets, WithLatestSkipOnlyRecordsFromBeforeTheGroupStarted) {
  PartitionFacts facts = Log(5, 9);
  facts.latest = LatestStart::kBeginning;
  EXPECT_EQ(DecideStart(ResetPolicy::kLatest, facts)->offset, 5);
  facts.latest = LatestStart::kSinceStart;
  facts.since_start = 7;
  EXPECT_EQ(DecideStart(ResetPolicy::kLatest, facts)->offset, 7);
  facts.since_start.reset();
  EXPECT_EQ(DecideStart(ResetPolicy::kLatest, facts)->offset, 9);
}

TEST(StartOffsets, DoNotMoveWhenNothingIsLost) {
  const PartitionFacts facts = Committed(6, 5, 9);
  EXPECT_EQ(*DecideMove(ResetPolicy::kEarliest, facts, 7, false), std::nullopt);
  // A stopped partition is assigned again at its position.
  EXPECT_EQ(*DecideMove(ResetPolicy::kEarliest, facts, 7, true), Start{7});
}

TEST(StartOffsets, MoveBeyondDeletedRecords) {
  EXPECT_EQ(*DecideMove(ResetPolicy::kEarliest, Committed(2, 5, 9), 4, true),
            (Start{5, true, task::Loss{kPartition, 4, 5, 1, LossReason::kRetention}}));
}

TEST(StartOffsets, MoveToTheStartOfAnotherLog) {
  EXPECT_EQ(*DecideMove(ResetPolicy::kEarliest, Committed(10, 0, 3), 12, true),
            (Start{0, true, task::Loss{kPartition, 12, 0, 9, LossReason::kTruncated}}));
  PartitionFacts recreated = Log(0, 30);
  recreated.known = KnownCommit{10, 15};
  // The new log is so long that its offsets alone do not show the recreation.
  EXPECT_EQ(*DecideMove(ResetPolicy::kEarliest, recreated, 12, false),
            (Start{0, true, task::Loss{kPartition, 12, 0, 3, LossReason::kRecreated}}));
}

TEST(StartOffsets, DoNotMoveWithNone) {
  EXPECT_THAT(DecideMove(ResetPolicy::kNone, Committed(2, 5, 9), 4, true).error(),
              HasSubstr("orders[2]@4"));
  EXPECT_EQ(*DecideMove(ResetPolicy::kNone, Committed(2, 0, 9), 4, false), std::nullopt);
}

TEST(StartOffsets, ParsePoliciesInAnyCaseAndTheirAliases) {
  EXPECT_EQ(ParseResetPolicy("Earliest"), ResetPolicy::kEarliest);
  EXPECT_EQ(ParseResetPolicy("smallest"), ResetPolicy::kEarliest);
  EXPECT_EQ(ParseResetPolicy("LATEST"), ResetPolicy::kLatest);
  EXPECT_EQ(ParseResetPolicy("end"), ResetPolicy::kLatest);
  EXPECT_EQ(ParseResetPolicy("none"), ResetPolicy::kNone);
  EXPECT_EQ(ParseResetPolicy("error"), std::nullopt);
  EXPECT_EQ(ParseResetPolicy(""), std::nullopt);
}

}  // namespace
}  // namespace khs::kafka
