#pragma once

#include <sys/epoll.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <span>

#include "base/clock.h"
#include "http/unique_fd.h"

namespace khs::http {

// What must become possible before something goes on.
enum class Wants { kNothing, kRead, kWrite };

// Wakes a Poller. Any thread.
class WakeEvent {
 public:
  WakeEvent();  // throws std::system_error

  void Set() noexcept;
  void Clear() noexcept;
  int descriptor() const { return event_.get(); }

 private:
  UniqueFd event_;
};

// epoll, level-triggered: sockets are watched for being readable, and for being writable where that
// is wanted. One thread.
class Poller {
 public:
  Poller();  // throws std::system_error

  // `owner` is what Wait returns. Closing a socket ends its being watched.
  void Watch(int descriptor, Wants wants, void* owner);    // throws std::system_error
  void Rewatch(int descriptor, Wants wants, void* owner);  // throws std::system_error

  // The owners of sockets that are ready, each once; none when the time has come. Looks again and
  // again for a while before it sleeps, if `spin` says so.
  std::span<void* const> Wait(base::MonotonicTime now, base::MonotonicTime until,
                              std::chrono::microseconds spin);

 private:
  int Look(int timeout_milliseconds);

  UniqueFd epoll_;
  std::array<epoll_event, 64> events_{};
  std::array<void*, 64> ready_{};
};

}  // namespace khs::http
