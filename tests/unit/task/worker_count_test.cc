#include "task/worker_count.h"

#include <gtest/gtest.h>

namespace khs::task {
namespace {

using namespace std::chrono_literals;

// An endpoint that takes the same time for every attempt, and records that are always ready.
size_t WorkersAfter(std::chrono::microseconds attempt, std::chrono::milliseconds time,
                    size_t most) {
  WorkerCount count;
  base::MonotonicTime now(1h);
  size_t busy = 0;
  std::chrono::microseconds work{0};
  for (const auto end = now + time; now < end; now += 1ms) {
    busy += count.Advise(now, 1000, busy, most).more;
    for (work += 1ms * static_cast<int>(busy); work >= attempt; work -= attempt) count.Taken();
  }
  return busy;
}

TEST(WorkerCount, AsksForOneWhenThereIsWorkAndNoneIsAtIt) {
  WorkerCount count;
  EXPECT_EQ(count.Advise(base::MonotonicTime(1h), 1, 0, 16).more, 1u);
}

TEST(WorkerCount, AsksForNoneWithoutWork) {
  WorkerCount count;
  const auto advice = count.Advise(base::MonotonicTime(1h), 0, 0, 16);
  EXPECT_EQ(advice.more, 0u);
  EXPECT_EQ(advice.again, std::nullopt);
}

TEST(WorkerCount, KeepsAFastEndpointWithOne) { EXPECT_EQ(WorkersAfter(25us, 1000ms, 256), 1u); }

TEST(WorkerCount, GrowsToAllForASlowEndpoint) { EXPECT_EQ(WorkersAfter(100ms, 50ms, 256), 256u); }

TEST(WorkerCount, NeverAsksForMoreThanIsReadyOrAllowed) {
  WorkerCount count;
  base::MonotonicTime now(1h);
  EXPECT_EQ(count.Advise(now, 3, 5, 7).more, 0u);
  now += 2ms;
  EXPECT_EQ(count.Advise(now, 1, 5, 7).more, 1u);
  now += 2ms;
  EXPECT_EQ(count.Advise(now, 3, 5, 7).more, 2u);
  now += 2ms;
  EXPECT_EQ(count.Advise(now, 3, 7, 7).more, 0u);
}

TEST(WorkerCount, CountsATimeWithoutWorkForNothing) {
  WorkerCount count;
  base::MonotonicTime now(1h);
  count.Advise(now, 1, 1, 16);
  count.Advise(now + 1ms, 0, 1, 16);
  EXPECT_EQ(count.Advise(now + 1s, 1, 1, 16).more, 0u);
}

}  // namespace
}  // namespace khs::task
