#include "http/attempts.h"

#include <iterator>

namespace khs::http {

Attempt& Attempts::At(Slot slot) {
  while (attempts_.size() <= slot) {
    resting_.push_back(attempts_.size());
    attempts_.emplace_back().place = std::prev(resting_.end());
  }
  return attempts_[slot];
}

void Attempts::Enter(Slot slot, Phase phase, base::MonotonicTime deadline) {
  Attempt& attempt = attempts_[slot];
  std::list<Slot>& from = ListOf(attempt.phase);
  std::list<Slot>& to = ListOf(phase);
  attempt.phase = phase;
  attempt.deadline = deadline;
  if (&from == &to) return;
  // Behind the last one, unless the timeout has been made shorter lately.
  auto next = to.end();
  if (phase != Phase::kNone) {
    while (next != to.begin() && attempts_[*std::prev(next)].deadline > deadline) --next;
  }
  to.splice(next, from, attempt.place);
}

std::list<Attempts::Slot>& Attempts::ListOf(Phase phase) {
  if (phase == Phase::kNone) return resting_;
  return phase == Phase::kExchanging ? exchanging_ : opening_;
}

}  // namespace khs::http
