#include "auth/token_source.h"

#include <algorithm>
#include <utility>

namespace khs::auth {

using base::MonotonicTime;

TokenSource::TokenSource(std::string label, std::unique_ptr<TokenFlow> flow,
                         const base::Clock& clock, std::function<void()> wake)
    : label_(std::move(label)), flow_(std::move(flow)), clock_(clock), wake_(std::move(wake)) {}

// With the lock held.
void TokenSource::WakeIfDue() {
  const auto due = state_.NextRequest();
  if (due && *due <= clock_.Monotonic()) wake_();
}

TokenState::Answer TokenSource::Use() {
  const std::lock_guard lock(mutex_);
  TokenState::Answer answer = state_.Use(clock_.Monotonic());
  if (!std::holds_alternative<Token>(answer)) WakeIfDue();
  return answer;
}

TokenState::Answer TokenSource::Replace(uint64_t refused) {
  const std::lock_guard lock(mutex_);
  TokenState::Answer answer = state_.Replace(refused, clock_.Monotonic());
  if (!std::holds_alternative<Token>(answer)) WakeIfDue();
  return answer;
}

std::optional<MonotonicTime> TokenSource::NextRequest() const {
  const std::lock_guard lock(mutex_);
  return state_.NextRequest();
}

void TokenSource::OnRequested() {
  const std::lock_guard lock(mutex_);
  state_.OnRequested(clock_.Monotonic());
}

bool TokenSource::OnToken(TokenFlow::Obtained obtained) {
  const std::lock_guard lock(mutex_);
  if (!state_.OnToken(std::move(obtained.token), obtained.lifetime, clock_.Monotonic(),
                      obtained.claimed_lifetime)) {
    return false;
  }
  for (TokenListener* const listener : listeners_) listener->OnTokenChange(state_.token());
  return true;
}

std::chrono::milliseconds TokenSource::OnFailure(std::string why) {
  const std::lock_guard lock(mutex_);
  state_.OnFailure(std::move(why), clock_.Monotonic());
  for (TokenListener* const listener : listeners_) listener->OnTokenChange(state_.token());
  return state_.retry_delay();
}

std::optional<MonotonicTime> TokenSource::Expiry() const {
  const std::lock_guard lock(mutex_);
  return state_.token() ? state_.token()->expires : std::nullopt;
}

int TokenSource::failures() const {
  const std::lock_guard lock(mutex_);
  return state_.failures();
}

void TokenSource::Adopt(const Token& token) {
  const std::lock_guard lock(mutex_);
  state_.Adopt(token);
}

std::optional<Token> TokenSource::ValidToken() const {
  const std::lock_guard lock(mutex_);
  const auto& token = state_.token();
  const bool is_valid = token && (!token->expires || clock_.Monotonic() < *token->expires);
  return is_valid ? token : std::nullopt;
}

MonotonicTime TokenSource::KeepUntil() const {
  const std::lock_guard lock(mutex_);
  return state_.KeepUntil();
}

TokenSource::Registration::Registration(std::shared_ptr<TokenSource> source,
                                        TokenListener& listener)
    : source_(std::move(source)), listener_(listener) {
  const std::lock_guard lock(source_->mutex_);
  source_->listeners_.push_back(&listener_);
}

TokenSource::Registration::~Registration() {
  const std::lock_guard lock(source_->mutex_);
  auto& all = source_->listeners_;
  all.erase(std::find(all.begin(), all.end(), &listener_));
}

}  // namespace khs::auth
