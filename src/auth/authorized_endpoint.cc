#include "auth/authorized_endpoint.h"

#include <fmt/format.h>

#include "base/secret_filter.h"
#include "delivery/retry_indicator.h"

namespace khs::auth {

using base::MonotonicTime;
using delivery::FaultKind;
using delivery::RequestFault;

namespace {

// Answers get into logs, and some endpoints quote the request in them. A shorter token could be
// a part of any word.
void HideToken(const std::string& token, std::string& body) {
  constexpr size_t kMinSize = 8;
  if (token.size() < kMinSize || body.empty()) return;
  body = base::SecretFilter({base::Secret(token)}).Hide(body);
}

}  // namespace

void AddToken(request::Request& request, std::string_view token) {
  request.headers.Add("Authorization", {"Bearer ", token});
}

void AuthorizedEndpoint::Use(std::shared_ptr<const task::Destination> destination) {
  destination_ = std::static_pointer_cast<const Destination>(std::move(destination));
  endpoint_->Use(destination_->endpoint);
}

void AuthorizedEndpoint::Begin(Slot slot, request::Request request) {
  while (attempts_.size() <= slot) attempts_.emplace_back();
  Attempt& attempt = attempts_[slot];
  attempt.destination = destination_;
  attempt.token = 0;
  attempt.refusal.reset();
  attempt.renewed = false;
  attempt.connections = {};
  if (!destination_->tokens) return endpoint_->Begin(slot, std::move(request));
  if (aborted_) return End(slot, delivery::Aborted{});
  attempt.request = std::move(request);
  SendWithToken(slot);
}

TokenState::Answer AuthorizedEndpoint::AskForToken(const Attempt& attempt) {
  TokenSource& tokens = *attempt.destination->tokens;
  return attempt.refusal ? tokens.Replace(attempt.token) : tokens.Use();
}

// Sends the request, or has it wait for a token, or ends the attempt.
void AuthorizedEndpoint::SendWithToken(Slot slot) {
  Attempt& attempt = attempts_[slot];
  TokenState::Answer answer = AskForToken(attempt);
  if (std::holds_alternative<TokenState::Pending>(answer) && !attempt.waiting) {
    attempt.waiting.emplace(attempt.destination->tokens, static_cast<TokenListener&>(*this));
    ++waiting_;
    answer = AskForToken(attempt);  // the token may have come before the registration
  }
  if (std::holds_alternative<TokenState::Pending>(answer)) return;
  StopWaiting(attempt);
  if (const auto* token = std::get_if<Token>(&answer)) {
    // A token that is refused and cannot be replaced yet is judged by the endpoint's answer.
    if (token->number != attempt.token) return Send(slot, *token);
    return End(slot, std::move(*attempt.refusal));
  }
  const std::string& why = std::get<TokenState::Unavailable>(answer).why;
  const std::string& from = attempt.destination->tokens->label();
  End(slot, RequestFault{FaultKind::kAuth,
                         attempt.refusal ? fmt::format("HTTP {}, and no other token from {}: {}",
                                                       attempt.refusal->status, from, why)
                                         : fmt::format("no valid token from {}: {}", from, why)});
}

void AuthorizedEndpoint::Send(Slot slot, const Token& token) {
  Attempt& attempt = attempts_[slot];
  attempt.token = token.number;
  attempt.sent_token = token.value;
  attempt.refusal.reset();
  request::Request request = attempt.request;
  AddToken(request, token.value);
  // It goes where it was made for, even if other attempts go elsewhere by now.
  const bool is_current = attempt.destination == destination_;
  if (!is_current) endpoint_->Use(attempt.destination->endpoint);
  endpoint_->Begin(slot, std::move(request));
  if (!is_current) endpoint_->Use(destination_->endpoint);
}

void AuthorizedEndpoint::Cancel(Slot slot) {
  if (slot < attempts_.size() && attempts_[slot].waiting) {
    End(slot, delivery::Aborted{});
  } else {
    endpoint_->Cancel(slot);
  }
}

void AuthorizedEndpoint::Abort() noexcept {
  aborted_ = true;
  endpoint_->Abort();
}

void AuthorizedEndpoint::Wait(std::optional<MonotonicTime> until, std::vector<Ended>& ended) {
  endpoint_->Wait(ended_.empty() ? until : MonotonicTime(), ended);
  for (Ended& each : ended) OnSentDone(std::move(each));
  EndWaiting();
  ended.clear();
  ended.swap(ended_);
}

// Continues the attempts that wait for a token.
void AuthorizedEndpoint::EndWaiting() {
  for (Slot slot = 0; slot < attempts_.size() && waiting_ > 0; ++slot) {
    if (!attempts_[slot].waiting) continue;
    if (aborted_) {
      End(slot, delivery::Aborted{});
    } else {
      SendWithToken(slot);
    }
  }
}

void AuthorizedEndpoint::OnSentDone(Ended ended) {
  Attempt& attempt = attempts_[ended.slot];
  attempt.connections += ended.connections;
  auto* const response = std::get_if<delivery::Response>(&ended.outcome);
  if (attempt.destination->tokens && response != nullptr) {
    HideToken(attempt.sent_token, response->body);
  }
  const bool is_refusal = attempt.destination->tokens && !attempt.renewed && response != nullptr &&
                          attempt.destination->renew_on.Contains(response->status) &&
                          !delivery::ParseRetryIndicator(response->body);
  if (!is_refusal) return End(ended.slot, std::move(ended.outcome));
  attempt.renewed = true;
  attempt.refusal = std::move(*response);
  SendWithToken(ended.slot);
}

void AuthorizedEndpoint::StopWaiting(Attempt& attempt) {
  if (attempt.waiting) --waiting_;
  attempt.waiting.reset();
}

void AuthorizedEndpoint::End(Slot slot, delivery::Outcome outcome) {
  Attempt& attempt = attempts_[slot];
  StopWaiting(attempt);
  attempt.request = {};
  attempt.destination.reset();  // nobody may need its tokens any more
  attempt.sent_token.clear();
  attempt.refusal.reset();
  ended_.push_back({slot, std::move(outcome), attempt.connections});
}

}  // namespace khs::auth
