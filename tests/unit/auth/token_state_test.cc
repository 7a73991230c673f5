#include "auth/token_state.h"

#include <gtest/gtest.h>

#include <string>

namespace khs::auth {
namespace {

using base::MonotonicTime;
using std::chrono::milliseconds;
using std::chrono::seconds;

class TokenStateTest : public ::testing::Test {
 protected:
  // The answer in one word: a token's value, "pending", or "no: " and why.
  static std::string Shown(const TokenState::Answer& answer) {
    if (const auto* token = std::get_if<Token>(&answer)) return token->value;
    if (const auto* none = std::get_if<TokenState::Unavailable>(&answer)) return "no: " + none->why;
    return "pending";
  }
  std::string Use() { return Shown(state_.Use(now_)); }
  std::string Replace(uint64_t number) { return Shown(state_.Replace(number, now_)); }
  bool IsDue() const {
    const auto due = state_.NextRequest();
    return due && *due <= now_;
  }
  // Requests a token, which comes at once.
  void Obtain(const std::string& value, std::optional<milliseconds> lifetime) {
    ASSERT_TRUE(IsDue());
    state_.OnRequested(now_);
    state_.OnToken(value, lifetime, now_);
  }
  void Fail() {
    ASSERT_TRUE(IsDue());
    state_.OnRequested(now_);
    state_.OnFailure("down", now_);
  }

  TokenState state_;
  MonotonicTime now_ = MonotonicTime(std::chrono::hours(1));
};

TEST_F(TokenStateTest, RequestsNothingBeforeItIsUsed) {
  EXPECT_FALSE(state_.NextRequest());
  EXPECT_EQ(Use(), "pending");
  EXPECT_TRUE(IsDue());
}

TEST_F(TokenStateTest, HasOneRequestAtATime) {
  Use();
  state_.OnRequested(now_);
  EXPECT_FALSE(state_.NextRequest());
  EXPECT_EQ(Use(), "pending");
  EXPECT_FALSE(state_.NextRequest());
}

TEST_F(TokenStateTest, RenewsAtFourFifthsOfTheLifetime) {
  const struct {
    milliseconds lifetime;
    milliseconds renewal;
  } cases[] = {{seconds(3600), seconds(2880)},
               {seconds(10), seconds(8)},
               {milliseconds(1), seconds(1)},
               {std::chrono::hours(24 * 365 * 1000), std::chrono::hours(24 * 365 * 8)}};
  for (const auto& one : cases) {
    state_ = TokenState();
    Use();
    Obtain("a", one.lifetime);
    EXPECT_EQ(state_.NextRequest(), now_ + one.renewal) << one.lifetime.count();
  }
}

TEST_F(TokenStateTest, RejectsATokenThatHasExpiredWhenItComes) {
  for (const int lifetime : {0, 2, 3}) {
    state_ = TokenState();
    Use();
    state_.OnRequested(now_);
    now_ += seconds(3);
    EXPECT_FALSE(state_.OnToken("a", seconds(lifetime), now_)) << lifetime;
    state_.OnFailure("late", now_);
    EXPECT_EQ(Use(), "no: late");
    EXPECT_EQ(state_.NextRequest(), now_ + seconds(1));
  }
}

TEST_F(TokenStateTest, RenewsATokenByTheLifetimeThatItClaims) {
  Use();
  state_.OnRequested(now_);
  ASSERT_TRUE(state_.OnToken("a", std::nullopt, now_, seconds(10)));
  EXPECT_EQ(state_.NextRequest(), now_ + seconds(8));
  EXPECT_EQ(state_.token()->claimed_expiry, now_ + seconds(10));
  now_ += seconds(8);
  Fail();
  now_ += seconds(100);
  EXPECT_EQ(Use(), "a") << "only the server knows whether it has expired";
}

TEST_F(TokenStateTest, UsesAnAdoptedTokenUntilItsOwnHasCome) {
  state_.Adopt({7, "old", now_ + seconds(10)});
  EXPECT_TRUE(IsDue());
  EXPECT_EQ(Use(), "old");
  Fail();
  EXPECT_EQ(Use(), "old");
  now_ += seconds(1);
  Obtain("new", seconds(100));
  EXPECT_EQ(Use(), "new");
  EXPECT_EQ(state_.token()->number, 8u);
  state_.Adopt({7, "old", now_ + seconds(10)});
  EXPECT_EQ(Use(), "new");
}

TEST_F(TokenStateTest, AsksAtOnceWhenAnAdoptedTokenIsRefused) {
  state_.Adopt({7, "old", now_ + seconds(10)});
  EXPECT_EQ(Replace(7), "pending");
  Fail();
  EXPECT_EQ(Replace(7), "no: down");
}

TEST_F(TokenStateTest, IsWorthKeepingUntilItsTokenExpiresOrItsBackoffIsOver) {
  EXPECT_LE(state_.KeepUntil(), now_);
  Use();
  Fail();
  EXPECT_EQ(state_.KeepUntil(), now_ + seconds(61));
  now_ += seconds(1);
  Obtain("a", seconds(100));
  EXPECT_EQ(state_.KeepUntil(), now_ + seconds(100));
  now_ += seconds(80);
  Obtain("b", std::chrono::hours(720));
  EXPECT_EQ(state_.KeepUntil(), now_ + std::chrono::hours(1));
  now_ += seconds(10);
  Replace(2);
  Obtain("c", std::nullopt);
  EXPECT_EQ(state_.KeepUntil(), now_ + std::chrono::hours(1));
}

TEST_F(TokenStateTest, CountsTheLifetimeFromTheRequest) {
  Use();
  state_.OnRequested(now_);
  now_ += seconds(3);
  state_.OnToken("a", seconds(10), now_);
  now_ += seconds(7) - milliseconds(1);
  EXPECT_EQ(Use(), "a");
  now_ += milliseconds(1);
  EXPECT_EQ(Use(), "pending");
}

TEST_F(TokenStateTest, ServesTheOldTokenUntilTheNewOneHasCome) {
  Use();
  Obtain("a", seconds(10));
  now_ += seconds(8);
  ASSERT_TRUE(IsDue());
  state_.OnRequested(now_);
  EXPECT_EQ(Use(), "a");
  state_.OnToken("b", seconds(10), now_);
  EXPECT_EQ(Use(), "b");
}

TEST_F(TokenStateTest, ServesTheOldTokenUntilItExpiresWhileRenewalsFail) {
  Use();
  Obtain("a", seconds(100));
  now_ += seconds(80);
  Fail();
  EXPECT_EQ(Use(), "a");
  now_ += seconds(20);
  EXPECT_EQ(Use(), "pending") << "another request is due";
  Fail();
  EXPECT_EQ(Use(), "no: down");
}

TEST_F(TokenStateTest, RetriesAfterDelaysThatDouble) {
  Use();
  for (const int delay : {1, 2, 4, 8, 16, 32, 60, 60, 60}) {
    Fail();
    EXPECT_EQ(Use(), "no: down");
    EXPECT_EQ(state_.NextRequest(), now_ + seconds(delay));
    now_ += seconds(delay) - milliseconds(1);
    EXPECT_FALSE(IsDue());
    EXPECT_EQ(Use(), "no: down");
    now_ += milliseconds(1);
    EXPECT_EQ(Use(), "pending");
  }
  Obtain("a", std::nullopt);
  EXPECT_EQ(Use(), "a");
  EXPECT_EQ(state_.failures(), 0);
}

TEST_F(TokenStateTest, KeepsATokenOfUnknownLifetimeUntilItIsRefused) {
  Use();
  Obtain("a", std::nullopt);
  now_ += std::chrono::hours(1000);
  EXPECT_EQ(Use(), "a");
  EXPECT_FALSE(state_.NextRequest());
  EXPECT_EQ(Replace(1), "pending");
  EXPECT_TRUE(IsDue());
  Obtain("b", std::nullopt);
  EXPECT_EQ(Replace(1), "b");
}

TEST_F(TokenStateTest, ServesARefusedTokenToOthersUntilTheNewOneHasCome) {
  Use();
  Obtain("a", seconds(100));
  now_ += seconds(10);
  EXPECT_EQ(Replace(1), "pending");
  EXPECT_EQ(Use(), "a");
  Fail();
  EXPECT_EQ(Replace(1), "no: down");
  EXPECT_EQ(Use(), "a");
}

TEST_F(TokenStateTest, RenewsOnceForManyRefusals) {
  Use();
  Obtain("a", seconds(100));
  now_ += seconds(10);
  Replace(1);
  Replace(1);
  Obtain("b", seconds(100));
  EXPECT_FALSE(IsDue());
  EXPECT_EQ(Replace(1), "b") << "a late refusal of the old token";
  EXPECT_FALSE(IsDue());
}

TEST_F(TokenStateTest, DoesNotReplaceATokenThatIsYoungerThanASecond) {
  Use();
  Obtain("a", seconds(100));
  now_ += milliseconds(999);
  EXPECT_EQ(Replace(1), "a");
  EXPECT_FALSE(IsDue());
  now_ += milliseconds(1);
  EXPECT_EQ(Replace(1), "pending");
}

}  // namespace
}  // namespace khs::auth
