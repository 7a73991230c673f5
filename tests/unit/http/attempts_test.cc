#include "http/attempts.h"

#include <gmock/gmock.h>

#include <chrono>

namespace khs::http {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

base::MonotonicTime At(int seconds) {
  return base::MonotonicTime{} + std::chrono::seconds(seconds);
}

TEST(Attempts, StandInTheOrderOfTheirDeadlines) {
  Attempts attempts;
  (void)attempts.At(3);
  attempts.Enter(0, Phase::kExchanging, At(10));
  attempts.Enter(1, Phase::kExchanging, At(30));
  attempts.Enter(2, Phase::kExchanging, At(5));
  attempts.Enter(3, Phase::kExchanging, At(10));
  EXPECT_THAT(attempts.exchanging(), ElementsAre(2, 0, 3, 1));
}

TEST(Attempts, MoveFromListToList) {
  Attempts attempts;
  (void)attempts.At(1);
  EXPECT_FALSE(attempts.UnderWay(0));
  EXPECT_FALSE(attempts.UnderWay(7));
  attempts.Enter(0, Phase::kResolving, At(20));
  attempts.Enter(1, Phase::kResolving, At(10));
  attempts.Enter(1, Phase::kDialing, At(10));
  attempts.Enter(0, Phase::kHandshaking, At(20));
  EXPECT_THAT(attempts.opening(), ElementsAre(1, 0));
  EXPECT_TRUE(attempts.UnderWay(0));
  attempts.Enter(1, Phase::kExchanging, At(30));
  EXPECT_THAT(attempts.opening(), ElementsAre(0));
  EXPECT_THAT(attempts.exchanging(), ElementsAre(1));
  attempts.Enter(0, Phase::kNone, {});
  attempts.Enter(1, Phase::kNone, {});
  EXPECT_THAT(attempts.opening(), IsEmpty());
  EXPECT_THAT(attempts.exchanging(), IsEmpty());
  EXPECT_FALSE(attempts.UnderWay(0));
}

}  // namespace
}  // namespace khs::http
