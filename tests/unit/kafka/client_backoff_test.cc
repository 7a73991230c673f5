#include "kafka/client_backoff.h"

#include <gtest/gtest.h>

namespace khs::kafka {
namespace {

using namespace std::chrono_literals;

TEST(ClientBackoff, DoublesFromOneSecondToAMinuteAndStartsOverAfterASuccess) {
  base::MonotonicTime now{1h};
  ClientBackoff backoff;
  EXPECT_LE(backoff.due(), now);
  for (const auto delay : {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
    EXPECT_EQ(backoff.delay(), delay);
    backoff.OnFailure(now);
    EXPECT_EQ(backoff.due(), now + delay);
    now += 5min;
  }
  backoff.OnSuccess();
  backoff.OnFailure(now);
  EXPECT_EQ(backoff.due(), now + 1s);
}

}  // namespace
}  // namespace khs::kafka
