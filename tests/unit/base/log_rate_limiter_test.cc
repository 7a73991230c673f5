#include "base/log_rate_limiter.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace khs::base {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kWarning = 3;
constexpr int kBurst = LogRateLimiter::kBurst;
constexpr auto kInterval = LogRateLimiter::kInterval;

class LogRateLimiterTest : public ::testing::Test {
 protected:
  LogRateLimiter::Admission Admit(std::string_view connector,
                                  std::string_view message = "record will be retried",
                                  std::string_view facility = {}) {
    return repeats_.Admit({"task", message, connector, facility}, kWarning, now_);
  }

  // How many of so many lines are written.
  int Written(int lines, std::string_view connector) {
    int written = 0;
    for (int i = 0; i < lines; ++i) written += Admit(connector).write ? 1 : 0;
    return written;
  }

  MonotonicTime now_{std::chrono::hours(1)};
  LogRateLimiter repeats_{8};
};

TEST_F(LogRateLimiterTest, WritesABurstThenOneLinePerInterval) {
  EXPECT_EQ(Written(1000, "a"), kBurst);
  int written = 0;
  for (int second = 0; second < 100; ++second) {
    now_ += seconds(1);
    written += Written(1000, "a");
  }
  EXPECT_EQ(written, 10);
}

TEST_F(LogRateLimiterTest, CountsEverySuppressedLine) {
  uint64_t accounted = 0;
  int lines = 0;
  for (int tick = 0; tick < 5000; ++tick, ++lines, now_ += milliseconds(10)) {
    const auto admission = Admit("a");
    if (admission.write) accounted += 1 + admission.suppressed;
    EXPECT_TRUE(admission.write || admission.suppressed == 0);
  }
  EXPECT_TRUE(repeats_.TakeDue(now_).empty()) << "the storm goes on";
  now_ += 2 * kInterval;
  for (const auto& summary : repeats_.TakeDue(now_)) accounted += summary.suppressed;
  EXPECT_EQ(accounted, static_cast<uint64_t>(lines));
  EXPECT_FALSE(repeats_.pending());
}

TEST_F(LogRateLimiterTest, SummarizesAnEventThatStopped) {
  Written(kBurst + 7, "a");
  EXPECT_TRUE(repeats_.pending());
  now_ += 2 * kInterval - milliseconds(1);
  EXPECT_TRUE(repeats_.TakeDue(now_).empty());
  now_ += milliseconds(1);
  const auto due = repeats_.TakeDue(now_);
  ASSERT_EQ(due.size(), 1u);
  EXPECT_EQ(due[0].logger, "task");
  EXPECT_EQ(due[0].message, "record will be retried");
  EXPECT_EQ(due[0].connector, "a");
  EXPECT_EQ(due[0].level, kWarning);
  EXPECT_EQ(due[0].suppressed, 7u);
  EXPECT_TRUE(repeats_.TakeDue(now_).empty());
}

TEST_F(LogRateLimiterTest, ReportsByTheNextLineOnlyOnce) {
  Written(kBurst + 7, "a");
  now_ += kInterval;
  const auto admission = Admit("a");
  EXPECT_TRUE(admission.write);
  EXPECT_EQ(admission.suppressed, 7u);
  now_ += 10 * kInterval;
  EXPECT_TRUE(repeats_.TakeDue(now_).empty());
}

TEST_F(LogRateLimiterTest, ReportsASlowEventByItsLinesInsteadOfSummaries) {
  Written(kBurst, "a");
  int lines = 0;
  for (int i = 0; i < 100; ++i) {
    now_ += seconds(3);
    lines += Admit("a").write ? 1 : 0;
    EXPECT_TRUE(repeats_.TakeDue(now_).empty());
  }
  EXPECT_GE(lines, 25);
}

TEST_F(LogRateLimiterTest, RefillsTheBucketAfterQuiet) {
  EXPECT_EQ(Written(kBurst, "a"), kBurst);
  now_ += kBurst * kInterval;
  EXPECT_EQ(Written(kBurst + 1, "a"), kBurst);
}

TEST_F(LogRateLimiterTest, KeepsSeparateBucketsForConnectorsMessagesAndFacilities) {
  EXPECT_EQ(Written(1000, "a"), kBurst);
  EXPECT_EQ(Written(1000, "b"), kBurst);
  EXPECT_TRUE(Admit("a", "offset commit failed").write);
  EXPECT_TRUE(Admit("a", "record will be retried", "FAIL").write);
  EXPECT_TRUE(repeats_.Admit({"kafka", "record will be retried", "a", {}}, kWarning, now_).write);
  EXPECT_FALSE(Admit("a").write);
}

TEST_F(LogRateLimiterTest, SharesOneBucketBeyondTheLimitOfEvents) {
  int written = 0;
  for (int i = 0; i < 1000; ++i) written += Written(1, std::to_string(i));
  EXPECT_EQ(repeats_.size(), 8u);
  EXPECT_EQ(written, 8 + kBurst);
  now_ += 2 * kInterval;
  const auto due = repeats_.TakeDue(now_);
  ASSERT_EQ(due.size(), 1u);
  EXPECT_EQ(due[0].message, "*");
  EXPECT_EQ(due[0].connector, "");
  EXPECT_EQ(due[0].suppressed, 1000u - 8 - kBurst);
}

TEST_F(LogRateLimiterTest, EvictsStoppedEventsThatWereReported) {
  for (int i = 0; i < 8; ++i) Written(kBurst + 1, std::to_string(i));
  now_ += 2 * kBurst * kInterval;
  EXPECT_EQ(repeats_.TakeDue(now_).size(), 8u);
  EXPECT_EQ(Written(kBurst + 1, "another"), kBurst);
  EXPECT_EQ(repeats_.size(), 8u) << "the summaries were lines of theirs";
  now_ += kInterval;
  EXPECT_EQ(Written(kBurst + 1, "yet another"), kBurst);
  EXPECT_EQ(repeats_.size(), 1u);
}

TEST_F(LogRateLimiterTest, ReturnsAllSummariesAtTheEnd) {
  Written(kBurst + 1, "a");
  Written(kBurst + 2, "b");
  uint64_t suppressed = 0;
  for (const auto& summary : repeats_.TakeAll()) suppressed += summary.suppressed;
  EXPECT_EQ(suppressed, 3u);
  EXPECT_FALSE(repeats_.pending());
  EXPECT_TRUE(repeats_.TakeAll().empty());
}

}  // namespace
}  // namespace khs::base
