// Tests of the pure classes that compute due times.

#include <gtest/gtest.h>

#include "reconcile/scan_schedule.h"
#include "reconcile/start_backoff.h"
#include "reconcile/vanish_guard.h"

namespace khs::reconcile {
namespace {

using namespace std::chrono_literals;
const base::MonotonicTime kStart{1h};

TEST(ScanSchedule, ScansAtOnceAndThenEveryInterval) {
  ScanSchedule schedule(250ms, 30s);
  EXPECT_LE(schedule.due(), kStart);
  schedule.Begin(kStart);
  EXPECT_EQ(schedule.due(), kStart + 30s);
}

TEST(ScanSchedule, WaitsForQuietAfterChangesButNotForever) {
  ScanSchedule schedule(250ms, 30s);
  schedule.Begin(kStart);
  base::MonotonicTime now = kStart;
  for (; now < kStart + 2s; now += 200ms) {
    schedule.Changed(now, false);
    EXPECT_EQ(schedule.due(), now + 250ms);
  }
  for (; now < kStart + 5s; now += 200ms) schedule.Changed(now, false);
  EXPECT_EQ(schedule.due(), kStart + 2500ms);
}

TEST(ScanSchedule, WaitsLongestWhileAFileIsBeingWritten) {
  ScanSchedule schedule(250ms, 30s);
  schedule.Begin(kStart);
  schedule.Changed(kStart, true);
  EXPECT_EQ(schedule.due(), kStart + 2500ms);
  schedule.Changed(kStart + 1s, false);
  EXPECT_EQ(schedule.due(), kStart + 1250ms);
}

TEST(ScanSchedule, AChangeDuringAScanCausesAnother) {
  ScanSchedule schedule(250ms, 30s);
  schedule.Changed(kStart, false);
  schedule.Begin(kStart + 250ms);
  schedule.Changed(kStart + 251ms, false);
  EXPECT_EQ(schedule.due(), kStart + 501ms);
}

TEST(ScanSchedule, ScansAtTheEarliestRequestedTime) {
  ScanSchedule schedule(250ms, 30s);
  schedule.Begin(kStart);
  schedule.Request(kStart + 10s);
  schedule.Request(kStart + 1s);
  schedule.Request(kStart + 5s);
  EXPECT_EQ(schedule.due(), kStart + 1s);
  schedule.Begin(kStart + 1s);
  EXPECT_EQ(schedule.due(), kStart + 31s);
}

TEST(VanishGuard, AcceptsARemovalOnlyAfterALaterScan) {
  VanishGuard guard(60s);
  EXPECT_TRUE(guard.Accept(true, true, kStart));
  EXPECT_FALSE(guard.Accept(true, false, kStart));
  EXPECT_EQ(guard.due(), kStart + 60s);
  EXPECT_FALSE(guard.Accept(true, false, kStart + 59s));
  EXPECT_TRUE(guard.Accept(true, false, kStart + 60s));
  EXPECT_FALSE(guard.due());
}

TEST(VanishGuard, StartsOverWhenADefinitionReturns) {
  VanishGuard guard(60s);
  EXPECT_FALSE(guard.Accept(true, false, kStart));
  EXPECT_TRUE(guard.Accept(true, true, kStart + 30s));
  EXPECT_FALSE(guard.Accept(true, false, kStart + 61s));
  EXPECT_EQ(guard.due(), kStart + 121s);
}

TEST(VanishGuard, AcceptsAnEmptyDirectoryThatWasEmpty) {
  VanishGuard guard(60s);
  EXPECT_TRUE(guard.Accept(false, false, kStart));
  EXPECT_FALSE(guard.due());
}

TEST(StartBackoff, DoublesUpToFiveMinutesAndStartsOverAfterAReset) {
  StartBackoff backoff;
  std::chrono::milliseconds expected = 1s;
  for (int i = 0; i < 12; ++i) {
    backoff.Failed(kStart, 0.5);
    EXPECT_EQ(backoff.due(), kStart + std::min<std::chrono::milliseconds>(expected, 5min));
    expected *= 2;
  }
  backoff.Reset();
  backoff.Failed(kStart, 0.5);
  EXPECT_EQ(backoff.due(), kStart + 1s);
}

TEST(StartBackoff, HasAJitterOfAFifth) {
  StartBackoff early;
  early.Failed(kStart, 0);
  EXPECT_EQ(early.due(), kStart + 800ms);
  StartBackoff late;
  late.Failed(kStart, 1);
  EXPECT_EQ(late.due(), kStart + 1200ms);
}

}  // namespace
}  // namespace khs::reconcile
