#include "task/due_time.h"

#include <gtest/gtest.h>

namespace khs::task {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

class DueTimeTest : public ::testing::Test {
 protected:
  static delivery::Record Stamped(milliseconds timestamp) {
    delivery::Record record;
    record.timestamp = timestamp;
    return record;
  }
  milliseconds Wall() const { return milliseconds(kWall); }
  // How long a record that is read now waits for a delay of 10 s.
  std::chrono::nanoseconds Wait(milliseconds timestamp) const {
    return DueTime(10s, Stamped(timestamp), now_.monotonic, now_) - now_.monotonic;
  }

  static constexpr int64_t kWall = 1'700'000'000'000;
  const base::Now now_{base::MonotonicTime(3h), base::WallTime(milliseconds(kWall))};
};

TEST_F(DueTimeTest, IsTheTimestampAndTheDelay) {
  EXPECT_EQ(Wait(Wall() - 4s), 6s);
  EXPECT_EQ(Wait(Wall() - 10s), 0s);
  EXPECT_EQ(Wait(Wall()), 10s);
}

TEST_F(DueTimeTest, IsNeverLaterThanTheDelayAfterReading) {
  for (const milliseconds timestamp :
       {Wall() + 1ms, Wall() + 60s, Wall() * 1'000, Wall() * 1'000'000, milliseconds::max()}) {
    EXPECT_EQ(Wait(timestamp), 10s) << timestamp.count();
  }
}

TEST_F(DueTimeTest, IsNowForATimestampOlderThanTheDelay) {
  for (const milliseconds timestamp :
       {Wall() - 1h, milliseconds(0), milliseconds(-1), milliseconds::min()}) {
    EXPECT_EQ(Wait(timestamp), 0s) << timestamp.count();
  }
}

TEST_F(DueTimeTest, WithoutATimestampIsTheDelayAfterReading) {
  EXPECT_EQ(DueTime(10s, {}, now_.monotonic - 4s, now_), now_.monotonic + 6s);
}

TEST_F(DueTimeTest, CountsFromReadingWhenTheDelayChangesLater) {
  const base::MonotonicTime read_at = now_.monotonic - 4s;
  EXPECT_EQ(DueTime(10s, Stamped(milliseconds::max()), read_at, now_), now_.monotonic + 6s);
  EXPECT_EQ(DueTime(10s, Stamped(Wall() - 5s), read_at, now_), now_.monotonic + 5s);
}

TEST_F(DueTimeTest, ATimestampWithinClockSkewIsNotAhead) {
  EXPECT_EQ(TimestampAhead({}, now_.wall), 0ms);
  EXPECT_EQ(TimestampAhead(Stamped(milliseconds::min()), now_.wall), 0ms);
  EXPECT_EQ(TimestampAhead(Stamped(Wall() + 5s), now_.wall), 0ms);
  EXPECT_EQ(TimestampAhead(Stamped(Wall() + 6s), now_.wall), 6s);
  EXPECT_EQ(TimestampAhead(Stamped(milliseconds::max()), now_.wall), milliseconds::max() - Wall());
}

TEST_F(DueTimeTest, AnAgeIsNeverNegativeNorOverflows) {
  EXPECT_EQ(Age(Wall() - 1500ms, now_.wall).count(), 1.5);
  EXPECT_EQ(Age(Wall() * 1'000, now_.wall).count(), 0);
  EXPECT_EQ(Age(milliseconds::max(), now_.wall).count(), 0);
  EXPECT_GT(Age(milliseconds::min(), now_.wall).count(), 9e15);
}

}  // namespace
}  // namespace khs::task
