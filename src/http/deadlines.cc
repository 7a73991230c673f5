#include "http/deadlines.h"

#include <sys/socket.h>

namespace khs::http {

Deadlines::Guard::Guard(Deadlines& owner, int descriptor, base::MonotonicTime when)
    : owner_(owner), descriptor_(descriptor) {
  bool wake = false;
  {
    const std::lock_guard lock(owner_.mutex_);
    place_ = owner_.armed_.emplace(when, this);
    armed_ = true;
    if (when < owner_.next_look_) {
      owner_.next_look_ = when;
      wake = true;
    }
  }
  if (wake) owner_.changed_.notify_one();
}

bool Deadlines::Guard::Disarm() {
  const std::lock_guard lock(owner_.mutex_);
  if (armed_) {
    owner_.armed_.erase(place_);
    armed_ = false;
  }
  return fired_;
}

Deadlines::Deadlines() : thread_([this] { Run(); }) {}

Deadlines::~Deadlines() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Deadlines::EndThoseDue(base::MonotonicTime now) {
  while (!armed_.empty() && armed_.begin()->first <= now) {
    Guard& guard = *armed_.begin()->second;
    armed_.erase(armed_.begin());
    guard.armed_ = false;
    guard.fired_ = true;
    // Fails only when the peer has ended the connection already.
    (void)::shutdown(guard.descriptor_, SHUT_RDWR);
  }
}

void Deadlines::Run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    EndThoseDue(std::chrono::steady_clock::now());
    if (armed_.empty()) {
      next_look_ = base::MonotonicTime::max();
      changed_.wait(lock);
    } else {
      next_look_ = armed_.begin()->first;
      changed_.wait_until(lock, next_look_);
    }
  }
}

}  // namespace khs::http
