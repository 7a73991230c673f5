#include "delivery/backoff.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <set>

namespace khs::delivery {
namespace {

using namespace std::chrono_literals;

Backoff Exponential(Milliseconds first, Milliseconds max) {
  Backoff backoff{first};
  backoff.kind = Backoff::Kind::kExponential;
  backoff.max = max;
  return backoff;
}

TEST(Backoff, WalksAListOnceAndUnderATimeoutRepeatsItsLastDelay) {
  const Backoff backoff{5s, 30s};
  EXPECT_EQ(backoff.Limit(false), 2u);
  EXPECT_EQ(backoff.Limit(true), std::numeric_limits<size_t>::max());
  EXPECT_EQ(backoff.Delay(0, 0.5), 5s);
  EXPECT_EQ(backoff.Delay(1, 0.5), 30s);
  EXPECT_EQ(backoff.Delay(100, 0.5), 30s);
  EXPECT_EQ(Backoff().Limit(false), 0u);
  EXPECT_EQ(Backoff().Limit(true), 0u);
}

TEST(Backoff, CountsOnlyGivenRetriesUnderATimeout) {
  for (const Backoff::Kind kind : {Backoff::Kind::kConstant, Backoff::Kind::kExponential}) {
    Backoff backoff{3s};
    backoff.kind = kind;
    EXPECT_EQ(backoff.Limit(false), 5u);
    EXPECT_EQ(backoff.Limit(true), std::numeric_limits<size_t>::max());
    backoff.max_retries = 7;
    EXPECT_EQ(backoff.Limit(false), 7u);
    EXPECT_EQ(backoff.Limit(true), 7u);
  }
}

TEST(Backoff, DoublesADelayUpToItsMaximum) {
  const Backoff backoff = Exponential(100ms, 1500ms);
  const Milliseconds full[] = {100ms, 200ms, 400ms, 800ms, 1500ms, 1500ms};
  for (size_t retry = 0; retry < std::size(full); ++retry) {
    EXPECT_EQ(backoff.Delay(retry, 1.0), full[retry]);
    EXPECT_EQ(backoff.Delay(retry, 0.0), full[retry] / 2);
  }
  EXPECT_EQ(backoff.Delay(1'000'000, 1.0), 1500ms);
  EXPECT_EQ(Exponential(1ms, 1ms).Delay(0, 0.0), 1ms);
  EXPECT_EQ(Exponential(5s, 2s).Delay(0, 1.0), 2s);
  EXPECT_EQ(Exponential(168h, 168h).Delay(1'000'000, 1.0), 168h);
}

TEST(Backoff, SumsItsDelaysUpToABound) {
  constexpr size_t kEndless = std::numeric_limits<size_t>::max();
  constexpr Milliseconds kYear = std::chrono::hours(24 * 365);
  Backoff constant{1ms};
  constant.kind = Backoff::Kind::kConstant;
  EXPECT_EQ(constant.Sum(kEndless, 0.5, kYear), kYear);
  EXPECT_EQ(constant.Sum(5, 0.5, kYear), 5ms);
  EXPECT_EQ(constant.Sum(5, 0.5, 3ms), 3ms);
  EXPECT_EQ(constant.Sum(1'000'000, 0.5, Milliseconds::max()), 1'000'000ms);
  const Backoff list{5s, 30s, 60s};
  EXPECT_EQ(list.Sum(1, 0.5, kYear), 5s);
  EXPECT_EQ(list.Sum(3, 0.5, Milliseconds::max()), 95s);
  EXPECT_EQ(list.Sum(kEndless, 0.5, 100s), 100s);
  EXPECT_EQ(list.Sum(kEndless, 0.5, 20s), 20s);
  EXPECT_EQ(Backoff{0ms}.Sum(kEndless, 0.5, kYear), 0ms);
  EXPECT_EQ(Exponential(100ms, 1500ms).Sum(6, 1.0, kYear), 100ms + 200ms + 400ms + 800ms + 3000ms);
  EXPECT_EQ(Exponential(1ms, 168h).Sum(kEndless, 0.0, kYear), kYear);
  EXPECT_EQ(Exponential(168h, 168h).Sum(1'000'000, 1.0, Milliseconds::max()), 168h * 1'000'000);
}

TEST(Backoff, SpreadsADelayEvenlyOverItsUpperHalf) {
  const Backoff backoff = Exponential(1000ms, 1h);
  std::mt19937 random(1);
  std::uniform_real_distribution<double> chance(0, 1);
  for (size_t retry = 0; retry < 6; ++retry) {
    const Milliseconds full = 1000ms * (1 << retry);
    int lower = 0;
    std::set<Milliseconds> seen;
    for (int i = 0; i < 2000; ++i) {
      const Milliseconds delay = backoff.Delay(retry, chance(random));
      EXPECT_GE(delay, full / 2);
      EXPECT_LE(delay, full);
      if (delay < full * 3 / 4) ++lower;
      seen.insert(delay);
    }
    EXPECT_NEAR(lower, 1000, 150);
    EXPECT_GT(seen.size(), 400u);
  }
}

}  // namespace
}  // namespace khs::delivery
