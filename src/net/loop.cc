#include "net/loop.h"

#include <sched.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "net/fiber.h"

namespace khs::net {
namespace {

// Stacks that are kept for the next jobs; those beyond are freed.
constexpr size_t kMaxParked = 64;

void Add(int epoll, int descriptor, uint32_t events, Readiness* readiness) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = readiness;
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) != 0) {
    throw std::system_error(errno, std::system_category(), "epoll_ctl");
  }
}

}  // namespace

struct Loop::Events {
  std::array<epoll_event, 64> all;
};

Loop::Loop(const base::Clock& clock)
    : clock_(clock), epoll_(::epoll_create1(EPOLL_CLOEXEC)), events_(std::make_unique<Events>()) {
  if (!epoll_) throw std::system_error(errno, std::system_category(), "epoll_create1");
  Add(epoll_.get(), wake_->descriptor(), EPOLLIN, nullptr);
}

Loop::~Loop() {
  for (;;) {
    const auto busy = std::find_if(fibers_.begin(), fibers_.end(),
                                   [](const auto& fiber) { return fiber->job != nullptr; });
    if (busy == fibers_.end()) return;
    Cancel(busy->get());
  }
}

Fiber* Loop::Start(std::function<void()> job) {
  if (parked_.empty()) {
    fibers_.push_back(std::make_unique<Fiber>());
    parked_.push_back(fibers_.back().get());
  }
  Fiber* const fiber = parked_.back();
  parked_.pop_back();
  fiber->job = std::move(job);
  now_ = clock_.Monotonic();
  MakeReady(*fiber);
  RunReady();
  return fiber;
}

void Loop::Cancel(Fiber* fiber) {
  fiber->cancelled = true;
  if (fiber->waiting) MakeReady(*fiber);
  RunReady();
}

void Loop::Watch(int descriptor, Readiness& readiness) {
  // Without EPOLLRDHUP a read that brings less than was asked for would hide the end of a stream.
  Add(epoll_.get(), descriptor, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, &readiness);
}

bool Loop::Poll(base::MonotonicTime until, std::chrono::microseconds spin) {
  int count = 0;
  if (spin.count() > 0) {
    const auto sleep_at = std::chrono::steady_clock::now() + spin;
    do {
      count = Look(0);
      // Lets others run first, such as the endpoint on this machine.
      if (count == 0) (void)::sched_yield();
    } while (count == 0 && std::chrono::steady_clock::now() < sleep_at);
  }
  if (count == 0) count = Look(ready_.empty() ? SleepLimit(until) : 0);
  now_ = clock_.Monotonic();
  // First all events, then the fibers: one of these may close a socket that has an event, too.
  const bool woken = TakeEvents(count);
  RunTimers();
  RunReady();
  return woken;
}

// Interrupted by a signal nothing has happened, and the caller looks at the time again.
int Loop::Look(int timeout_milliseconds) {
  return std::max(0, ::epoll_wait(epoll_.get(), events_->all.data(),
                                  static_cast<int>(events_->all.size()), timeout_milliseconds));
}

// Rounded up, so that a wait never ends before its time.
int Loop::SleepLimit(base::MonotonicTime until) const {
  constexpr std::chrono::hours kLongest{1};
  if (!timers_.empty()) until = std::min(until, timers_.begin()->first);
  const base::MonotonicTime now = clock_.Monotonic();
  if (until <= now) return 0;
  const auto left = std::min<base::MonotonicTime::duration>(until - now, kLongest);
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count());
}

bool Loop::TakeEvents(int count) {
  bool woken = false;
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    auto* const socket = static_cast<Readiness*>(events_->all[i].data.ptr);
    if (socket == nullptr) {
      wake_->Clear();
      Notify();
      woken = true;
      continue;
    }
    const uint32_t events = events_->all[i].events;
    const bool ended = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    const bool broken = (events & (EPOLLHUP | EPOLLERR)) != 0;
    socket->ended = socket->ended || ended;
    if ((events & EPOLLIN) != 0 || ended) socket->possible |= Readiness::kRead;
    if ((events & EPOLLOUT) != 0 || broken) socket->possible |= Readiness::kWrite;
    if (socket->waiter == nullptr) {
      socket->noticed = (socket->possible & Readiness::kRead) != 0;
      noticed_ = noticed_ || socket->noticed;
    } else if ((socket->possible & socket->wanted) != 0) {
      socket->waiter->happened = true;
      MakeReady(*socket->waiter);
    }
  }
  return woken;
}

void Loop::RunTimers() {
  while (!timers_.empty() && timers_.begin()->first <= now_) {
    Fiber& fiber = *timers_.begin()->second;
    Disarm(fiber);
    if (fiber.waiting && std::min(fiber.deadline, fiber.until) <= now_) {
      MakeReady(fiber);
    } else {
      Arm(fiber);  // a later wait put the time off
    }
  }
}

void Loop::MakeReady(Fiber& fiber) {
  if (!std::exchange(fiber.ready, true)) ready_.push_back(&fiber);
}

void Loop::RunReady() {
  for (size_t i = 0; i < ready_.size(); ++i) {  // which may grow meanwhile
    Fiber& fiber = *ready_[i];
    fiber.ready = false;
    current_ = &fiber;
    fiber.Resume();
    current_ = nullptr;
    if (!fiber.job) Release(fiber);
  }
  ready_.clear();
}

void Loop::Release(Fiber& fiber) {
  fiber.cancelled = false;
  fiber.deadline = base::MonotonicTime::max();
  if (parked_.size() < kMaxParked) {
    parked_.push_back(&fiber);
    return;
  }
  Disarm(fiber);
  std::erase_if(fibers_, [&fiber](const auto& each) { return each.get() == &fiber; });
}

// A timer that is too early is left as it is and looked at when its time comes: most deadlines are
// put off long before.
void Loop::Arm(Fiber& fiber) {
  const base::MonotonicTime due = std::min(fiber.deadline, fiber.until);
  if (due >= fiber.armed) return;
  Disarm(fiber);
  fiber.armed = due;
  timers_.emplace(due, &fiber);
}

void Loop::Disarm(Fiber& fiber) {
  if (fiber.armed == base::MonotonicTime::max()) return;
  timers_.erase({fiber.armed, &fiber});
  fiber.armed = base::MonotonicTime::max();
}

void Loop::SetDeadline(base::MonotonicTime deadline) { current_->deadline = deadline; }

Interruption Loop::interruption() const {
  if (current_->cancelled) return Interruption::kCancelled;
  const bool bounded = current_->deadline != base::MonotonicTime::max();
  return bounded && current_->deadline <= now_ ? Interruption::kDeadline : Interruption::kNone;
}

void Loop::ThrowIfInterrupted() {
  now_ = clock_.Monotonic();
  if (interruption() != Interruption::kNone) throw Interrupted();
}

void Loop::Suspend(base::MonotonicTime until) {
  Fiber& fiber = *current_;
  fiber.until = until;
  Arm(fiber);
  fiber.waiting = true;
  fiber.Suspend();
  fiber.waiting = false;
  fiber.until = base::MonotonicTime::max();
}

bool Loop::Wait(std::span<Readiness* const> sockets, base::MonotonicTime until) {
  Fiber& fiber = *current_;
  fiber.happened = false;
  for (Readiness* const each : sockets) {
    if ((each->possible & each->wanted) == 0) continue;
    ThrowIfInterrupted();
    return true;
  }
  if (interruption() != Interruption::kNone) throw Interrupted();
  for (Readiness* const each : sockets) each->waiter = &fiber;
  Suspend(until);
  for (Readiness* const each : sockets) each->waiter = nullptr;
  if (interruption() != Interruption::kNone) throw Interrupted();
  return fiber.happened;
}

bool Loop::AwaitNotice(base::MonotonicTime until) {
  ThrowIfInterrupted();
  Fiber& fiber = *current_;
  fiber.happened = false;
  awaiting_notice_.push_back(&fiber);
  Suspend(until);
  std::erase(awaiting_notice_, &fiber);
  ThrowIfInterrupted();
  return fiber.happened;
}

void Loop::Notify() {
  for (Fiber* const each : awaiting_notice_) {
    each->happened = true;
    MakeReady(*each);
  }
}

}  // namespace khs::net
