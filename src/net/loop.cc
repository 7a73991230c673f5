#include "net/loop.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "net/fiber.h"

namespace khs::net {
namespace {

// More fibers than this without a job are freed.
constexpr size_t kMaxIdleFibers = 64;

void Add(int epoll, int descriptor, uint32_t events, Readiness* readiness) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = readiness;
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) != 0) {
    throw std::system_error(errno, std::system_category(), "epoll_ctl");
  }
}

}  // namespace

Loop::Loop(const base::Clock& clock) : clock_(clock), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
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
  if (idle_fibers_.empty()) {
    fibers_.push_back(std::make_unique<Fiber>());
    idle_fibers_.push_back(fibers_.back().get());
  }
  Fiber* const fiber = idle_fibers_.back();
  idle_fibers_.pop_back();
  fiber->job = std::move(job);
  UpdateNow();
  MakeReady(*fiber);
  RunReady();
  return fiber;
}

void Loop::Cancel(Fiber* fiber) {
  fiber->cancelled = true;
  if (fiber->waiting) MakeReady(*fiber);
  RunReady();
}

void Loop::RegisterSocket(int descriptor, Readiness& readiness) {
  // Without EPOLLRDHUP, FiberSocket would miss the end of a stream that follows a short read.
  Add(epoll_.get(), descriptor, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, &readiness);
}

bool Loop::Poll(base::MonotonicTime until, std::chrono::microseconds spin) {
  int count = 0;
  if (spin.count() > 0) {
    const auto sleep_at = std::chrono::steady_clock::now() + spin;
    do {
      count = WaitForEvents(0);
      // Gives way to other threads, such as an endpoint on this machine.
      if (count == 0) (void)::sched_yield();
    } while (count == 0 && std::chrono::steady_clock::now() < sleep_at);
  }
  if (count == 0) count = WaitForEvents(ready_.empty() ? EpollTimeout(until) : 0);
  UpdateNow();
  // Handles all events before any fiber runs, because a fiber may close a socket that has an event.
  const bool woken = HandleEvents(count);
  RunTimers();
  RunReady();
  return woken;
}

// Returns the number of events; 0 also when a signal interrupted the wait.
int Loop::WaitForEvents(int timeout_milliseconds) {
  return std::max(0, ::epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()),
                                  timeout_milliseconds));
}

// Milliseconds, rounded up so that a wait never ends early.
int Loop::EpollTimeout(base::MonotonicTime until) const {
  constexpr std::chrono::hours kLongest{1};
  if (!timers_.empty()) until = std::min(until, timers_.begin()->first);
  const base::MonotonicTime now = clock_.Monotonic();
  if (until <= now) return 0;
  const auto left = std::min<base::MonotonicTime::duration>(until - now, kLongest);
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count());
}

bool Loop::HandleEvents(int count) {
  bool woken = false;
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    auto* const socket = static_cast<Readiness*>(events_[i].data.ptr);
    if (socket == nullptr) {
      wake_->Clear();
      Notify();
      woken = true;
      continue;
    }
    const uint32_t events = events_[i].events;
    const bool ended = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    const bool broken = (events & (EPOLLHUP | EPOLLERR)) != 0;
    socket->ended = socket->ended || ended;
    if ((events & EPOLLIN) != 0 || ended) socket->possible |= Readiness::kRead;
    if ((events & EPOLLOUT) != 0 || broken) socket->possible |= Readiness::kWrite;
    if (socket->waiter == nullptr) {
      socket->unexpected_input = (socket->possible & Readiness::kRead) != 0;
      unexpected_input_ = unexpected_input_ || socket->unexpected_input;
    } else if ((socket->possible & socket->wanted) != 0) {
      socket->waiter->event_occurred = true;
      MakeReady(*socket->waiter);
    }
  }
  return woken;
}

void Loop::RunTimers() {
  while (!timers_.empty() && timers_.begin()->first <= now_) {
    Fiber& fiber = *timers_.begin()->second;
    DisarmTimer(fiber);
    if (fiber.waiting && std::min(fiber.deadline, fiber.wait_until) <= now_) {
      MakeReady(fiber);
    } else {
      ArmTimer(fiber);  // the deadline was extended, or a later wait began
    }
  }
}

void Loop::MakeReady(Fiber& fiber) {
  if (!std::exchange(fiber.ready, true)) ready_.push_back(&fiber);
}

void Loop::RunReady() {
  for (size_t i = 0; i < ready_.size(); ++i) {  // a fiber may append to it
    Fiber& fiber = *ready_[i];
    fiber.ready = false;
    current_ = &fiber;
    fiber.Resume();
    current_ = nullptr;
    if (!fiber.job) Recycle(fiber);
  }
  ready_.clear();
}

void Loop::Recycle(Fiber& fiber) {
  fiber.cancelled = false;
  fiber.deadline = base::MonotonicTime::max();
  if (idle_fibers_.size() < kMaxIdleFibers) {
    idle_fibers_.push_back(&fiber);
    return;
  }
  DisarmTimer(fiber);
  std::erase_if(fibers_, [&fiber](const auto& each) { return each.get() == &fiber; });
}

// Leaves a timer that is too early as it is: RunTimers arms it again. Most deadlines are extended
// before they are due, so this saves work.
void Loop::ArmTimer(Fiber& fiber) {
  const base::MonotonicTime due = std::min(fiber.deadline, fiber.wait_until);
  if (due >= fiber.timer_at) return;
  DisarmTimer(fiber);
  fiber.timer_at = due;
  timers_.emplace(due, &fiber);
}

void Loop::DisarmTimer(Fiber& fiber) {
  if (fiber.timer_at == base::MonotonicTime::max()) return;
  timers_.erase({fiber.timer_at, &fiber});
  fiber.timer_at = base::MonotonicTime::max();
}

void Loop::SetDeadline(base::MonotonicTime deadline) { current_->deadline = deadline; }

Interruption Loop::interruption() const {
  if (current_->cancelled) return Interruption::kCancelled;
  const bool bounded = current_->deadline != base::MonotonicTime::max();
  return bounded && current_->deadline <= now_ ? Interruption::kDeadline : Interruption::kNone;
}

void Loop::ThrowIfInterrupted() {
  UpdateNow();
  if (interruption() != Interruption::kNone) throw Interrupted();
}

void Loop::Suspend(base::MonotonicTime until) {
  Fiber& fiber = *current_;
  fiber.wait_until = until;
  ArmTimer(fiber);
  fiber.waiting = true;
  fiber.Suspend();
  fiber.waiting = false;
  fiber.wait_until = base::MonotonicTime::max();
}

bool Loop::WaitForSockets(std::span<Readiness* const> sockets, base::MonotonicTime until) {
  Fiber& fiber = *current_;
  fiber.event_occurred = false;
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
  return fiber.event_occurred;
}

bool Loop::WaitForNotify(base::MonotonicTime until) {
  ThrowIfInterrupted();
  Fiber& fiber = *current_;
  fiber.event_occurred = false;
  waiting_for_notify_.push_back(&fiber);
  Suspend(until);
  std::erase(waiting_for_notify_, &fiber);
  ThrowIfInterrupted();
  return fiber.event_occurred;
}

void Loop::Notify() {
  for (Fiber* const each : waiting_for_notify_) {
    each->event_occurred = true;
    MakeReady(*each);
  }
}

}  // namespace khs::net
