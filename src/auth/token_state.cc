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

void TokenState::OnToken(std::string value, std::optional<milliseconds> lifetime,
                         MonotonicTime now) {
  const uint64_t number = token_ ? token_->number + 1 : 1;
  token_ = Token{number, std::move(value), std::nullopt};
  renew_at_.reset();
  if (lifetime) {
    const milliseconds bounded = std::min(*lifetime, kLongestLifetime);
    token_->expires = requested_ + bounded;
    renew_at_ = requested_ + bounded * 4 / 5;
  }
  obtained_ = now;
  refused_ = false;
  under_way_ = false;
  failures_ = 0;
}

void TokenState::OnFailure(std::string why, MonotonicTime now) {
  under_way_ = false;
  ++failures_;
  problem_ = std::move(why);
  retry_at_ = now + retry_delay();
}

milliseconds TokenState::retry_delay() const {
  return std::min(kFirstRetryDelay * (1 << std::clamp(failures_ - 1, 0, 10)), kLongestRetryDelay);
}

}  // namespace khs::auth
