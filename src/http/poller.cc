#include "http/poller.h"

#include <sched.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>

namespace khs::http {
namespace {

void Control(int epoll, int operation, int descriptor, Wants wants, void* owner) {
  epoll_event event{};
  event.events = wants == Wants::kWrite ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.ptr = owner;
  if (::epoll_ctl(epoll, operation, descriptor, &event) != 0) {
    throw std::system_error(errno, std::system_category(), "epoll_ctl");
  }
}

// Rounded up, so that a wait never ends before its time.
int Timeout(base::MonotonicTime now, base::MonotonicTime until) {
  constexpr std::chrono::hours kLongest{1};
  const auto left = std::min<base::MonotonicTime::duration>(until - now, kLongest);
  const auto whole = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return static_cast<int>(std::max<decltype(whole)>(whole, 0));
}

}  // namespace

WakeEvent::WakeEvent() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!event_) throw std::system_error(errno, std::system_category(), "eventfd");
}

// Fails only when it is set so often already that it could not be more so.
void WakeEvent::Set() noexcept { (void)::eventfd_write(event_.get(), 1); }

void WakeEvent::Clear() noexcept {
  eventfd_t count = 0;
  (void)::eventfd_read(event_.get(), &count);
}

Poller::Poller() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) throw std::system_error(errno, std::system_category(), "epoll_create1");
}

void Poller::Watch(int descriptor, Wants wants, void* owner) {
  Control(epoll_.get(), EPOLL_CTL_ADD, descriptor, wants, owner);
}

void Poller::Rewatch(int descriptor, Wants wants, void* owner) {
  Control(epoll_.get(), EPOLL_CTL_MOD, descriptor, wants, owner);
}

std::span<void* const> Poller::Wait(base::MonotonicTime now, base::MonotonicTime until,
                                    std::chrono::microseconds spin) {
  int count = 0;
  const base::MonotonicTime sleep_at = now + spin;
  while (spin.count() > 0 && count == 0 && std::chrono::steady_clock::now() < sleep_at) {
    count = Look(0);
    // Whoever has something to do here goes first, the endpoint perhaps.
    if (count == 0) (void)::sched_yield();
  }
  if (count == 0) count = Look(Timeout(now, until));
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) ready_[i] = events_[i].data.ptr;
  return {ready_.data(), static_cast<size_t>(count)};
}

// Interrupted by a signal nothing is ready, and the caller looks at the time again.
int Poller::Look(int timeout_milliseconds) {
  return std::max(0, ::epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()),
                                  timeout_milliseconds));
}

}  // namespace khs::http
