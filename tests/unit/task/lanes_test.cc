#include "task/lanes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace khs::task {
namespace {

using namespace std::chrono_literals;
using delivery::Abandon;
using delivery::Deliver;
using delivery::Drop;
using delivery::DropReason;
using delivery::ErrorReason;
using delivery::Retry;
using delivery::Stop;

const base::TopicPartition kFirst{"t", 0};
const base::TopicPartition kSecond{"t", 1};

// Lanes on a clock that only the test moves.
class LanesTest : public testing::Test {
 protected:
  void Make(delivery::Policy policy = {}) {
    lanes_ = std::make_unique<Lanes>(std::make_shared<delivery::Policy>(policy));
    lanes_->Assign({kFirst, kSecond});
  }
  Lanes::AddResult Add(const base::TopicPartition& from, int64_t offset,
                       std::optional<std::string> key = std::nullopt, size_t bytes = 1) {
    delivery::Record record;
    record.topic_partition = from;
    record.offset = offset;
    record.key = std::move(key);
    record.value = std::string(bytes, 'x');
    return lanes_->Add(std::move(record), now_);
  }
  JobPtr Take() { return lanes_->Take(now_.monotonic); }
  bool Finish(JobPtr job, const delivery::Decision& decision) {
    ++job->progress.attempts;
    return lanes_->ApplyDecision(std::move(job), decision, now_.monotonic);
  }
  void Pass(std::chrono::milliseconds time) {
    now_.monotonic += time;
    now_.wall += time;
  }
  size_t WantedBytes() { return lanes_->UpdateDemand(now_.monotonic).bytes; }
  // The offset of the next job that is taken and delivered, or -1.
  int64_t Next() {
    JobPtr job = Take();
    if (!job) return -1;
    const int64_t offset = job->record.offset;
    Finish(std::move(job), Deliver{});
    return offset;
  }
  std::vector<std::string> Committable() {
    std::vector<std::string> texts;
    for (const Position& p : lanes_->TakeCommittable()) {
      texts.push_back(std::to_string(p.topic_partition.partition) + "@" + std::to_string(p.offset));
    }
    return texts;
  }

  base::Now now_{base::MonotonicTime(1h), base::WallTime(1000h)};
  std::unique_ptr<Lanes> lanes_;
};

using Texts = std::vector<std::string>;

TEST_F(LanesTest, DeliverAPartitionInOrderOneAtATime) {
  Make();
  Add(kFirst, 0);
  Add(kFirst, 1);
  JobPtr job = Take();
  ASSERT_TRUE(job);
  EXPECT_EQ(job->record.offset, 0);
  EXPECT_FALSE(Take());
  Finish(std::move(job), Deliver{});
  EXPECT_EQ(Next(), 1);
  EXPECT_FALSE(Take());
  EXPECT_EQ(Committable(), Texts{"0@2"});
}

TEST_F(LanesTest, DeliverPartitionsSideBySide) {
  Make();
  Add(kFirst, 0);
  Add(kSecond, 0);
  const JobPtr one = Take();
  const JobPtr other = Take();
  ASSERT_TRUE(one && other);
  EXPECT_NE(one->record.topic_partition, other->record.topic_partition);
  EXPECT_EQ(lanes_->in_flight(), 2u);
}

TEST_F(LanesTest, AWaitingRecordBlocksOnlyItsPartition) {
  Make();
  Add(kFirst, 0);
  Add(kFirst, 1);
  Add(kSecond, 7);
  Finish(Take(), Retry{ErrorReason::kIndicator, 5s});
  EXPECT_EQ(lanes_->waiting_retry(), 1u);
  EXPECT_EQ(Next(), 7);
  EXPECT_EQ(Next(), -1);
  EXPECT_EQ(lanes_->NextDue(), now_.monotonic + 5s);
  Pass(4999ms);
  EXPECT_EQ(Next(), -1);
  Pass(1ms);
  EXPECT_EQ(Next(), 0);
  EXPECT_EQ(Next(), 1);
  EXPECT_EQ(lanes_->waiting_retry(), 0u);
}

TEST_F(LanesTest, CommitNothingAtOrBehindAWaitingRecord) {
  Make();
  for (int64_t offset = 0; offset < 3; ++offset) Add(kFirst, offset);
  EXPECT_EQ(Next(), 0);
  Finish(Take(), Retry{ErrorReason::kStatus, 1s});
  EXPECT_EQ(Committable(), Texts{"0@1"});
  EXPECT_EQ(Committable(), Texts{});
}

TEST_F(LanesTest, AFailedCommitCanBeTakenAgain) {
  Make();
  Add(kFirst, 0);
  Next();
  const Positions positions = lanes_->TakeCommittable();
  EXPECT_EQ(Committable(), Texts{});
  lanes_->MakeCommittable(positions);
  EXPECT_EQ(Committable(), Texts{"0@1"});
}

TEST_F(LanesTest, ADroppedRecordIsFinished) {
  Make();
  Add(kFirst, 0);
  Add(kFirst, 1);
  Finish(Take(), Drop{DropReason::kRetriesExhausted});
  EXPECT_EQ(Committable(), Texts{"0@1"});
  EXPECT_EQ(Next(), 1);
}

TEST_F(LanesTest, AStopTakesNothingMoreAndCommitsWhatIsFinished) {
  Make();
  for (int64_t offset = 0; offset < 3; ++offset) Add(kFirst, offset);
  Add(kSecond, 0);
  Add(kSecond, 1);
  Next();
  JobPtr other = Take();
  JobPtr bad = Take();
  ASSERT_TRUE(bad && other);
  if (bad->record.topic_partition != kFirst) std::swap(bad, other);
  Finish(std::move(bad), Stop{"why"});
  EXPECT_FALSE(Take());
  Finish(std::move(other), Deliver{});  // what is in flight finishes, and counts
  EXPECT_FALSE(Take());
  EXPECT_EQ(Committable(), (Texts{"0@1", "1@1"}));
}

TEST_F(LanesTest, AnAbandonedRecordIsNeitherFinishedNorOvertaken) {
  Make();
  Add(kFirst, 0);
  Add(kFirst, 1);
  Finish(Take(), Abandon{});
  EXPECT_FALSE(Take());
  EXPECT_EQ(Committable(), Texts{});
}

TEST_F(LanesTest, ALateCompletionOfAFencedPartitionHasNoEffect) {
  Make();
  Add(kFirst, 0);
  JobPtr late = Take();
  lanes_->Fence({kFirst});
  lanes_->Assign({kFirst});
  EXPECT_TRUE(lanes_->IsFenced(*late));
  EXPECT_FALSE(Finish(std::move(late), Deliver{}));
  EXPECT_EQ(Committable(), Texts{});
  Add(kFirst, 0);
  EXPECT_EQ(Next(), 0);
  EXPECT_EQ(Committable(), Texts{"0@1"});
  EXPECT_EQ(lanes_->records(), 0u);
  EXPECT_EQ(lanes_->bytes(), 0u);
}

TEST_F(LanesTest, FencingRemovesQueuedAndWaitingRecords) {
  Make();
  for (int64_t offset = 0; offset < 5; ++offset) Add(kFirst, offset);
  Finish(Take(), Retry{ErrorReason::kIo, 5s});
  lanes_->Fence({kFirst});
  EXPECT_EQ(lanes_->records(), 0u);
  EXPECT_EQ(lanes_->bytes(), 0u);
  EXPECT_EQ(lanes_->waiting_retry(), 0u);
  EXPECT_EQ(lanes_->NextDue(), std::nullopt);
  EXPECT_EQ(Add(kFirst, 5), Lanes::AddResult::kNotAssigned);
}

TEST_F(LanesTest, APartitionBeingRevokedFinishesJobsInFlightAndTakesNoOthers) {
  Make();
  Add(kFirst, 0);
  Add(kFirst, 1);
  Add(kSecond, 0);
  JobPtr job = Take();
  lanes_->BeginRevoke({kFirst});
  EXPECT_EQ(lanes_->InFlight({kFirst}), 1u);
  Finish(std::move(job), Deliver{});
  EXPECT_EQ(lanes_->InFlight({kFirst}), 0u);
  EXPECT_EQ(Committable(), Texts{"0@1"});
  EXPECT_EQ(Next(), 0);  // the other partition goes on
  EXPECT_FALSE(Take());
  EXPECT_EQ(Add(kFirst, 2), Lanes::AddResult::kNotAssigned);
}

TEST_F(LanesTest, ARetryOfAPartitionBeingRevokedIsNotScheduled) {
  Make();
  Add(kFirst, 0);
  JobPtr job = Take();
  lanes_->BeginRevoke({kFirst});
  Finish(std::move(job), Retry{ErrorReason::kIo, 0ms});
  EXPECT_FALSE(Take());
  lanes_->Fence({kFirst});
  EXPECT_EQ(lanes_->records(), 0u);
}

TEST_F(LanesTest, StartOverWhenTheOffsetsGoBack) {
  Make();
  Add(kFirst, 100);
  Add(kFirst, 101);
  JobPtr old = Take();
  EXPECT_EQ(Add(kFirst, 3), Lanes::AddResult::kStartedOver);
  EXPECT_FALSE(Finish(std::move(old), Deliver{}));
  EXPECT_EQ(Next(), 3);
  EXPECT_EQ(Next(), -1);
  EXPECT_EQ(Committable(), Texts{"0@4"});
}

TEST_F(LanesTest, ARecordIsDueAtItsTimestampPlusTheDelay) {
  delivery::Policy policy;
  policy.request_delay = 10s;
  Make(policy);
  delivery::Record record;
  record.topic_partition = kFirst;
  record.timestamp =
      std::chrono::duration_cast<std::chrono::milliseconds>((now_.wall - 4s).time_since_epoch());
  lanes_->Add(record, now_);
  EXPECT_EQ(lanes_->NextDue(), now_.monotonic + 6s);
  EXPECT_EQ(lanes_->waiting_retry(), 0u);
  EXPECT_EQ(Next(), -1);
  Pass(6s);
  EXPECT_EQ(Next(), 0);
}

TEST_F(LanesTest, ARecordFromTheFutureIsDueAfterTheDelayFromItsReading) {
  delivery::Policy policy;
  policy.request_delay = 10s;
  Make(policy);
  delivery::Record record;
  record.topic_partition = kFirst;
  record.timestamp = std::chrono::milliseconds::max();
  lanes_->Add(std::move(record), now_);
  Add(kFirst, 1);
  EXPECT_EQ(lanes_->NextDue(), now_.monotonic + 10s);
  Pass(4s);
  policy.request_delay = 5s;
  lanes_->Reconfigure(std::make_shared<delivery::Policy>(policy), now_);
  EXPECT_EQ(Next(), -1);
  Pass(1s);
  EXPECT_EQ(Next(), 0);
  EXPECT_EQ(Next(), 1);
}

TEST_F(LanesTest, ARecordWithoutTimestampIsDueAfterTheDelayFromItsReading) {
  delivery::Policy policy;
  policy.request_delay = 10s;
  Make(policy);
  Add(kFirst, 0);
  Pass(9s);
  EXPECT_EQ(Next(), -1);
  Pass(1s);
  EXPECT_EQ(Next(), 0);
}

TEST_F(LanesTest, AStuckPartitionIsPausedAtItsQuota) {
  delivery::Policy policy;
  policy.queue_max_bytes = 60'000;
  Make(policy);
  Add(kFirst, 0);
  Finish(Take(), Retry{ErrorReason::kIo, 600s});
  int64_t offset = 1;
  while (!lanes_->HasFlowChanges() || lanes_->TakeFlowChanges().pause.empty())
    Add(kFirst, offset++, {}, 1000);
  EXPECT_LE(lanes_->bytes(), policy.queue_max_bytes * 2 / 3 + 2000);

  // The other partition is read on, to its part of the bound.
  int64_t other = 0;
  for (; WantedBytes(); ++other) Add(kSecond, other, {}, 1000);
  EXPECT_GT(other, 10);
  EXPECT_LE(lanes_->bytes(), policy.queue_max_bytes + 2000);
  lanes_->TakeFlowChanges();
  EXPECT_EQ(WantedBytes(), 0u);
  // And again as soon as it has delivered some of that.
  while (WantedBytes() == 0) ASSERT_GE(Next(), 0);
  // What is not stuck is never paused for long.
  while (Next() >= 0) {
  }
  const Partitions resumed = lanes_->TakeFlowChanges().resume;
  EXPECT_EQ(std::count(resumed.begin(), resumed.end(), kFirst), 0);
  EXPECT_EQ(Add(kSecond, other), Lanes::AddResult::kAdded);
}

TEST_F(LanesTest, RecordsBehindASlowRequestDoNotStopReading) {
  delivery::Policy policy;
  policy.queue_max_bytes = 60'000;
  Make(policy);
  Add(kFirst, 0);
  JobPtr hangs = Take();
  int64_t offset = 1;
  while (WantedBytes() > 0) Add(kFirst, offset++, {}, 1000);
  EXPECT_LT(lanes_->bytes(), policy.queue_max_bytes / 2);
  Pass(100ms);
  // Until the partition that hangs is paused, and then for the other one.
  while (!lanes_->HasFlowChanges() || lanes_->TakeFlowChanges().pause.empty()) {
    ASSERT_GT(WantedBytes(), 0u);
    Add(kFirst, offset++, {}, 1000);
  }
  EXPECT_LE(lanes_->bytes(), policy.queue_max_bytes / 2 + 3000);
  for (int64_t other = 0; other < 100; ++other) {
    ASSERT_GT(WantedBytes(), 0u);
    Add(kSecond, other, {}, 1000);
    ASSERT_EQ(Next(), other);
  }
  // And it counts again once the request has come to its end.
  Finish(std::move(hangs), Deliver{});
  EXPECT_EQ(WantedBytes(), 0u);
}

TEST_F(LanesTest, ASlowRequestOfAFencedPartitionIsNotCounted) {
  delivery::Policy policy;
  policy.queue_max_bytes = 60'000;
  Make(policy);
  for (int64_t offset = 0; offset < 25; ++offset) Add(kFirst, offset, {}, 1000);
  JobPtr slow = Take();
  Pass(100ms);
  EXPECT_GT(WantedBytes(), 0u);
  lanes_->Fence({kFirst});
  EXPECT_FALSE(Finish(std::move(slow), Deliver{}));
  EXPECT_EQ(lanes_->bytes(), 0u);
  for (int64_t offset = 0; offset < 25; ++offset) Add(kSecond, offset, {}, 1000);
  EXPECT_EQ(WantedBytes(), 0u);
  // One that is not slow yet is not counted as such later.
  slow = Take();
  lanes_->Fence({kSecond});
  Pass(100ms);
  EXPECT_GT(WantedBytes(), 0u);
  EXPECT_FALSE(Finish(std::move(slow), Deliver{}));
  EXPECT_EQ(lanes_->bytes(), 0u);
}

TEST_F(LanesTest, ManyWaitingPartitionsStayWithinTheQueueBound) {
  delivery::Policy policy;
  policy.queue_max_bytes = 6'000'000;
  Make(policy);
  Partitions many;
  for (int partition = 2; partition < 100; ++partition) many.push_back({"t", partition});
  lanes_->Assign(many);
  many.push_back(kFirst);
  many.push_back(kSecond);
  std::vector<int64_t> next(100, 0);
  std::set<base::TopicPartition> paused;
  while (paused.size() < many.size()) {
    for (const base::TopicPartition& from : many) {
      while (!paused.contains(from)) {
        const size_t wanted = WantedBytes();
        ASSERT_GT(wanted, 0u);
        // What one poll brings, all of one partition.
        const size_t before = lanes_->bytes();
        while (lanes_->bytes() - before < std::min<size_t>(wanted, 32'000)) {
          Add(from, next[static_cast<size_t>(from.partition)]++, {}, 300);
        }
        if (JobPtr job = Take()) Finish(std::move(job), Retry{ErrorReason::kIo, 600s});
        if (!lanes_->HasFlowChanges()) continue;
        for (const auto& one : lanes_->TakeFlowChanges().pause) paused.insert(one);
        if (lanes_->bytes() < policy.queue_max_bytes / 2) break;
      }
    }
  }
  EXPECT_LE(lanes_->bytes(), policy.queue_max_bytes);
}

TEST_F(LanesTest, APausedPartitionResumesWhenTheOthersFreeMemory) {
  delivery::Policy policy;
  policy.queue_max_bytes = 60'000;
  policy.ordering = delivery::Ordering::kKey;
  Make(policy);
  // Both are paused; the first holds much that is stuck.
  Add(kFirst, 0, "stuck", 12'000);
  Finish(Take(), Retry{ErrorReason::kIo, 600s});
  for (int64_t offset = 1; offset < 8; ++offset) Add(kFirst, offset, "free", 1'000);
  int64_t second = 0;
  while (lanes_->bytes() < 45'000) Add(kSecond, second++, "free", 1'000);
  EXPECT_EQ(lanes_->TakeFlowChanges().pause.size(), 2u);
  Partitions resumed;
  while (Next() >= 0) {
    if (!lanes_->HasFlowChanges()) continue;
    for (const auto& one : lanes_->TakeFlowChanges().resume) resumed.push_back(one);
  }
  std::sort(resumed.begin(), resumed.end());
  EXPECT_EQ(resumed, (Partitions{kFirst, kSecond}));
}

TEST_F(LanesTest, APausedPartitionResumesWhenAFencedJobFreesMemory) {
  delivery::Policy policy;
  policy.queue_max_bytes = 60'000;
  Make(policy);
  Add(kFirst, 0, {}, 12'000);
  Finish(Take(), Retry{ErrorReason::kIo, 600s});
  Add(kSecond, 0, {}, 30'000);
  JobPtr late = Take();
  EXPECT_EQ(lanes_->TakeFlowChanges().pause, (Partitions{kFirst, kSecond}));
  lanes_->Fence({kSecond});
  EXPECT_TRUE(lanes_->TakeFlowChanges().resume.empty());
  EXPECT_FALSE(Finish(std::move(late), Deliver{}));
  EXPECT_TRUE(lanes_->HasFlowChanges());
  EXPECT_EQ(lanes_->TakeFlowChanges().resume, Partitions{kFirst});
}

TEST_F(LanesTest, OrderingByKeyLetsOtherKeysOvertake) {
  delivery::Policy policy;
  policy.ordering = delivery::Ordering::kKey;
  Make(policy);
  Add(kFirst, 0, "a");
  Add(kFirst, 1, "a");
  Add(kFirst, 2, "b");
  Add(kFirst, 3);
  Add(kFirst, 4);
  JobPtr a = Take();
  EXPECT_EQ(a->record.offset, 0);
  Finish(std::move(a), Retry{ErrorReason::kIndicator, 1s});
  EXPECT_EQ(Next(), 2);
  EXPECT_EQ(Next(), 3);
  EXPECT_EQ(Next(), 4);
  EXPECT_EQ(Next(), -1);
  // Nothing before it is committed, and what is done beyond it goes with that.
  const Positions positions = lanes_->TakeCommittable();
  ASSERT_EQ(positions.size(), 1u);
  EXPECT_EQ(positions[0].offset, 0);
  EXPECT_EQ(delivery::DecodeFinished(0, positions[0].metadata), (delivery::OffsetRanges{{2, 4}}));
  EXPECT_EQ(Committable(), Texts{});
  Pass(1s);
  EXPECT_EQ(Next(), 0);
  EXPECT_EQ(Next(), 1);
  EXPECT_EQ(Committable(), Texts{"0@5"});
}

TEST_F(LanesTest, AnEmptyKeyHasALaneAndAMissingKeyDoesNot) {
  delivery::Policy policy;
  policy.ordering = delivery::Ordering::kKey;
  Make(policy);
  Add(kFirst, 0, "");
  Add(kFirst, 1, "");
  Add(kFirst, 2);
  Add(kFirst, 3);
  JobPtr first = Take();
  EXPECT_EQ(first->record.offset, 0);
  EXPECT_EQ(Next(), 2);
  EXPECT_EQ(Next(), 3);
  EXPECT_EQ(Next(), -1);
  Finish(std::move(first), Deliver{});
  EXPECT_EQ(Next(), 1);
}

TEST_F(LanesTest, DoNotRepeatRecordsThatTheCommitMetadataNames) {
  Make();
  lanes_->Restore(kFirst, 10, {{11, 12}});
  EXPECT_EQ(Add(kFirst, 10), Lanes::AddResult::kAdded);
  EXPECT_EQ(Add(kFirst, 11), Lanes::AddResult::kFinished);
  EXPECT_EQ(Add(kFirst, 12), Lanes::AddResult::kFinished);
  EXPECT_EQ(Add(kFirst, 13), Lanes::AddResult::kAdded);
  EXPECT_EQ(Next(), 10);
  EXPECT_EQ(Committable(), Texts{"0@13"});
  EXPECT_EQ(Next(), 13);
  EXPECT_EQ(Next(), -1);
}

TEST_F(LanesTest, ForgetARestoredCommitWhenTheOffsetsGoBack) {
  Make();
  lanes_->Restore(kFirst, 10, {{11, 12}});
  EXPECT_EQ(Add(kFirst, 0), Lanes::AddResult::kStartedOver);
  EXPECT_EQ(Add(kFirst, 11), Lanes::AddResult::kAdded);
}

TEST_F(LanesTest, KeepReadRecordsWhenRetentionDeletedLaterOnes) {
  Make();
  Add(kFirst, 3);
  const Loss loss{kFirst, 4, 10, 6, delivery::LossReason::kRetention};
  EXPECT_EQ(lanes_->SkipLost(loss), loss);
  EXPECT_EQ(Committable(), Texts{"0@3"});
  JobPtr job = Take();
  ASSERT_NE(job, nullptr);
  Finish(std::move(job), Deliver{});
  EXPECT_EQ(Committable(), Texts{"0@10"});
  EXPECT_EQ(Add(kFirst, 10), Lanes::AddResult::kAdded);
}

TEST_F(LanesTest, DoNotCountFinishedRecordsAsLost) {
  Make();
  lanes_->Restore(kFirst, 3, {{5, 7}, {9, 20}});
  EXPECT_EQ(lanes_->SkipLost({kFirst, 3, 10, 7, delivery::LossReason::kRetention}).records, 3);
  EXPECT_EQ(Committable(), Texts{"0@21"});
}

TEST_F(LanesTest, ForgetReadRecordsWhenTheTopicWasRecreatedOrTruncated) {
  for (const auto reason : {delivery::LossReason::kRecreated, delivery::LossReason::kTruncated}) {
    Make();
    Add(kFirst, 30);
    Add(kFirst, 31);
    JobPtr job = Take();
    // What was read and not delivered is lost, too.
    EXPECT_EQ(lanes_->SkipLost({kFirst, 32, 0, 5, reason}), (Loss{kFirst, 30, 0, 7, reason}));
    EXPECT_TRUE(lanes_->TakeFencedInFlight());
    EXPECT_TRUE(lanes_->IsFenced(*job));
    Finish(std::move(job), Deliver{});
    EXPECT_EQ(Next(), -1);
    EXPECT_EQ(Committable(), Texts{"0@0"});
    EXPECT_EQ(Add(kFirst, 0), Lanes::AddResult::kAdded);
    EXPECT_EQ(Next(), 0);
  }
}

TEST_F(LanesTest, RememberFinishedOffsetsWhenAPartitionIsAssignedAgain) {
  delivery::Policy policy;
  policy.ordering = delivery::Ordering::kNone;
  for (const auto& [committed, known] : std::vector<std::pair<std::optional<int64_t>, bool>>{
           {10, true},            // nobody has committed since
           {11, true},            // our own commit, whose answer was lost
           {13, false},           // somebody has gone further
           {5, false},            // somebody went back, to have it all again
           {std::nullopt, false}  // or deleted the commit
       }) {
    Make(policy);
    lanes_->Restore(kFirst, 8, {});
    for (int64_t offset = 8; offset < 16; ++offset) Add(kFirst, offset);
    std::vector<JobPtr> jobs;
    for (int64_t offset = 8; offset < 16; ++offset) jobs.push_back(Take());
    for (const size_t done : {0u, 1u}) Finish(std::move(jobs[done]), Deliver{});
    lanes_->MarkCommitted(lanes_->TakeCommittable());  // 10
    for (const size_t done : {2u, 3u, 6u}) Finish(std::move(jobs[done]), Deliver{});
    lanes_->Fence({kFirst});
    Finish(std::move(jobs[4]), Deliver{});  // too late to count
    lanes_->Assign({kFirst});
    lanes_->Restore(kFirst, committed, {});
    std::vector<int64_t> again;
    for (int64_t offset = committed.value_or(0); offset < 16; ++offset) {
      if (Add(kFirst, offset) == Lanes::AddResult::kAdded) again.push_back(offset);
    }
    std::vector<int64_t> expected{12, 13, 15};
    if (!known) {
      expected.resize(static_cast<size_t>(16 - committed.value_or(0)));
      std::iota(expected.begin(), expected.end(), committed.value_or(0));
    }
    EXPECT_EQ(again, expected) << committed.value_or(-1);
  }
}

TEST_F(LanesTest, ReportOnceThatJobsInFlightWereFenced) {
  Make();
  Add(kFirst, 0);
  Add(kSecond, 0);
  const JobPtr first = Take();
  EXPECT_FALSE(lanes_->TakeFencedInFlight());
  lanes_->Fence({kSecond});  // of which nothing is on its way
  EXPECT_FALSE(lanes_->TakeFencedInFlight());
  lanes_->Fence({kFirst});
  EXPECT_TRUE(lanes_->HasFencedInFlight());
  EXPECT_TRUE(lanes_->IsFenced(*first));
  EXPECT_TRUE(lanes_->TakeFencedInFlight());
  EXPECT_FALSE(lanes_->TakeFencedInFlight());
}

// Every third record is stuck: neither run lengths nor a bitmap stay short.
TEST_F(LanesTest, DeferNewRecordsBeforeTheCommitMetadataIsFull) {
  delivery::Policy policy;
  policy.ordering = delivery::Ordering::kNone;
  policy.queue_max_bytes = size_t{1} << 30;
  Make(policy);
  int64_t offset = 0;
  for (; offset < 30'000; ++offset) Add(kFirst, offset);
  std::vector<JobPtr> stuck;
  int64_t done = 0;
  while (JobPtr job = Take()) {
    if (job->record.offset % 3 == 0) {
      stuck.push_back(std::move(job));
    } else {
      ++done;
      Finish(std::move(job), Deliver{});
    }
  }
  const Positions positions = lanes_->TakeCommittable();
  ASSERT_EQ(positions.size(), 1u);
  EXPECT_GE(positions[0].metadata.size(), delivery::kMaxMetadataBytes * 3 / 4);
  int64_t saved = 0;
  const auto ranges = delivery::DecodeFinished(0, positions[0].metadata);
  ASSERT_TRUE(ranges);
  for (const auto& range : *ranges) {
    saved += range.last - range.first + 1;
  }
  EXPECT_EQ(saved, done);
  // The other partition goes on, and so does this one when what is stuck moves.
  Add(kSecond, 0);
  JobPtr other = Take();
  ASSERT_TRUE(other);
  EXPECT_EQ(other->record.topic_partition, kSecond);
  Finish(std::move(other), Deliver{});
  for (JobPtr& job : stuck) Finish(std::move(job), Deliver{});
  while (Next() >= 0) {
  }
  EXPECT_EQ(Committable(), (Texts{"0@30000", "1@1"}));
}

TEST_F(LanesTest, TakeRetriesWhileNewRecordsAreDeferred) {
  delivery::Policy policy;
  policy.ordering = delivery::Ordering::kNone;
  policy.queue_max_bytes = size_t{1} << 30;
  Make(policy);
  for (int64_t offset = 0; offset < 30'000; ++offset) Add(kFirst, offset);
  while (JobPtr job = Take()) {
    const bool stuck = job->record.offset % 3 == 0;
    Finish(std::move(job), stuck ? delivery::Decision(Retry{ErrorReason::kIndicator, 1s})
                                 : delivery::Decision(Deliver{}));
  }
  Pass(1s);
  while (Next() >= 0) {
  }
  EXPECT_EQ(Committable(), Texts{"0@30000"});
}

TEST_F(LanesTest, ANewPolicyMakesRetriesDueAndKeepsThePlaceInUnchangedLists) {
  delivery::Policy policy;
  policy.retry_backoff = {10min, 10min};
  policy.request_retry_backoff = {10min};
  Make(policy);
  Add(kFirst, 0);
  JobPtr job = Take();
  job->progress.response_retries = 1;
  job->progress.request_retries = 1;
  job->dead_letter = DeadLetterCause{};
  Finish(std::move(job), Retry{ErrorReason::kStatus, 10min});
  EXPECT_EQ(lanes_->waiting_retry(), 1u);
  policy.request_retry_backoff = {5s};
  lanes_->Reconfigure(std::make_shared<delivery::Policy>(policy), now_);
  EXPECT_EQ(lanes_->waiting_retry(), 0u);
  job = Take();
  ASSERT_TRUE(job);
  EXPECT_EQ(job->progress.attempts, 1);
  EXPECT_EQ(job->progress.response_retries, 1u);
  EXPECT_EQ(job->progress.request_retries, 0u);
  EXPECT_FALSE(job->dead_letter);
}

TEST_F(LanesTest, ANewDelayAppliesToQueuedRecords) {
  delivery::Policy policy;
  policy.ordering = delivery::Ordering::kNone;
  policy.request_delay = 60s;
  Make(policy);
  Add(kFirst, 0);
  Pass(1s);
  Add(kFirst, 1);
  EXPECT_FALSE(Take());
  policy.request_delay = 5s;
  lanes_->Reconfigure(std::make_shared<delivery::Policy>(policy), now_);
  EXPECT_FALSE(Take());
  Pass(5s);
  EXPECT_EQ(Next(), 0);
  // What was ready waits again.
  policy.request_delay = 20s;
  lanes_->Reconfigure(std::make_shared<delivery::Policy>(policy), now_);
  EXPECT_FALSE(Take());
  Pass(14s);
  EXPECT_FALSE(Take());
  Pass(1s);
  EXPECT_EQ(Next(), 1);
}

TEST_F(LanesTest, ANewPolicyKeepsTheOrderOfReadyLanes) {
  delivery::Policy policy;
  policy.ordering = delivery::Ordering::kNone;
  Make(policy);
  for (int64_t offset = 0; offset < 5; ++offset) Add(kFirst, offset);
  lanes_->Reconfigure(std::make_shared<delivery::Policy>(policy), now_);
  for (int64_t offset = 0; offset < 5; ++offset) EXPECT_EQ(Next(), offset);
}

TEST_F(LanesTest, ANewPolicyTakesNothingFromAPartitionBeingRevoked) {
  Make();
  Add(kFirst, 0);
  Finish(Take(), Retry{ErrorReason::kStatus, 10min});
  lanes_->BeginRevoke({kFirst});
  lanes_->Reconfigure(std::make_shared<delivery::Policy>(), now_);
  EXPECT_FALSE(Take());
}

}  // namespace
}  // namespace khs::task
