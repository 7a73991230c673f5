#include "auth/token_state.h"

#include <algorithm>
#include <utility>

namespace khs::auth {
namespace {

using base::MonotonicTime;
using std::chrono::milliseconds;

constexpr milliseconds kFirstRetryDelay{1'000};
constexpr milliseconds kLongestRetryDelay{60'000};
// A younger token is not replaced, so that an endpoint that refuses every token does not cause a
// request for each record.
constexpr milliseconds kMinAge{1'000};
// A longer lifetime would overflow the clock.
constexpr milliseconds kLongestLifetime = std::chrono::hours(24 * 365 * 10);
// How long a token is kept for the next user, at most. Sources of secrets that change often would
// add up otherwise.
constexpr milliseconds kLongestKept = std::chrono::hours(1);

}  // namespace

TokenState::Answer TokenState::WithoutToken(MonotonicTime now) const {
  if (under_way_ || failures_ == 0 || now >= retry_at_) return Pending{};
  return Unavailable{problem_};
}

TokenState::Answer TokenState::Use(MonotonicTime now) {
  wanted_ = true;
  if (token_ && (!token_->expires || now < *token_->expires)) return *token_;
  return WithoutToken(now);
}

TokenState::Answer TokenState::Replace(uint64_t refused, MonotonicTime now) {
  if (!token_ || token_->number != refused) return Use(now);
  if (!refused_ && !under_way_ && now - obtained_ < kMinAge) return *token_;
  refused_ = true;
  return WithoutToken(now);
}

std::optional<MonotonicTime> TokenState::NextRequest() const {
  if (!wanted_ || under_way_) return std::nullopt;
  const bool at_once = !token_ || refused_;
  if (!at_once && !renew_at_) return std::nullopt;
  const MonotonicTime due = at_once ? MonotonicTime() : *renew_at_;
  return failures_ > 0 ? std::max(due, retry_at_) : due;
}

void TokenState::OnRequested(MonotonicTime now) {
  under_way_ = true;
  requested_ = now;
}

bool TokenState::OnToken(std::string value, std::optional<milliseconds> lifetime, MonotonicTime now,
                         std::optional<milliseconds> claimed_lifetime) {
  Token token{token_ ? token_->number + 1 : 1, std::move(value)};
  std::optional<MonotonicTime> renew_at;
  if (const auto known = lifetime ? lifetime : claimed_lifetime) {
    const milliseconds bounded = std::min(*known, kLongestLifetime);
    (lifetime ? token.expires : token.claimed_expiry) = requested_ + bounded;
    renew_at = std::max(requested_ + bounded * 4 / 5, now + kMinAge);
  }
  if (token.expires && *token.expires <= now) return false;
  token_ = std::move(token);
  renew_at_ = renew_at;
  obtained_ = now;
  refused_ = false;
  under_way_ = false;
  failures_ = 0;
  return true;
}

void TokenState::OnFailure(std::string why, MonotonicTime now) {
  under_way_ = false;
  ++failures_;
  problem_ = std::move(why);
  retry_at_ = now + retry_delay();
}

void TokenState::Adopt(const Token& token) {
  if (token_) return;
  token_ = token;
  renew_at_ = MonotonicTime();
  wanted_ = true;
}

MonotonicTime TokenState::KeepUntil() const {
  MonotonicTime until;
  if (token_) {
    until = std::min(token_->expires.value_or(MonotonicTime::max()), obtained_ + kLongestKept);
  }
  // The next user finds how many requests have failed.
  if (failures_ > 0) until = std::max(until, retry_at_ + kLongestRetryDelay);
  return until;
}

milliseconds TokenState::retry_delay() const {
  return std::min(kFirstRetryDelay * (1 << std::clamp(failures_ - 1, 0, 10)), kLongestRetryDelay);
}

}  // namespace khs::auth
