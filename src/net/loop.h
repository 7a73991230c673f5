#pragma once

#include <sys/epoll.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "net/wake_event.h"

namespace khs::net {

class Fiber;

// Every wait of a job throws this once the job is cancelled or its deadline has passed.
struct Interrupted : std::exception {
  const char* what() const noexcept override { return "interrupted"; }
};

enum class Interruption { kNone, kDeadline, kCancelled };

// What a socket is ready for. The loop sets it, the socket owns it and clears it when an operation
// would block.
struct Readiness {
  enum : uint8_t { kRead = 1, kWrite = 2 };

  uint8_t possible = 0;
  uint8_t wanted = 0;             // what `waiter` waits for
  bool ended = false;             // the peer closed its direction
  bool unexpected_input = false;  // input, or the end of the stream, came while no fiber waited
  Fiber* waiter = nullptr;

  void Clear(uint8_t directions) { possible &= static_cast<uint8_t>(~directions); }
};

// Event loop that runs jobs on fibers. Jobs wait for sockets, for a time and for each other, all
// through one epoll_wait. Owned by EndpointClient; only its thread uses the loop, and other threads
// use the WakeEvent.
//
//   Start(job) ──► running ──► WaitFor... ──► suspended
//                   │  ▲                         │
//                   ▼  └── Poll: socket ready, ──┘
//                returned  time reached, Notify, or Cancel
//
// A socket is registered once, edge-triggered and for both directions, so a wait needs no system
// call of its own.
class Loop {
 public:
  // `clock` must outlive the loop.
  explicit Loop(const base::Clock& clock);  // throws std::system_error
  // Cancels every job and runs it until it returns, so whatever jobs use must outlive the loop.
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs a job, which must not throw, until its first wait. The fiber belongs to the job until it
  // returns, and then to another job. Jobs must not call this.
  Fiber* Start(std::function<void()> job);
  // Makes the job's current wait and all later ones throw. Jobs must not call this.
  void Cancel(Fiber* fiber);

  // Waits for an event until `until`, then runs the fibers that are ready. Polls without sleeping
  // for `spin` first. True when the WakeEvent was set.
  bool Poll(base::MonotonicTime until, std::chrono::microseconds spin);

  const std::shared_ptr<WakeEvent>& wake_event() const { return wake_; }
  // The time of the last Start, Poll or UpdateNow. Jobs run briefly, and reading the clock each
  // time would cost more than many of them.
  base::MonotonicTime Now() const { return now_; }
  // Reads the clock, and makes Now() return that.
  base::MonotonicTime UpdateNow() { return now_ = clock_.Monotonic(); }
  // Returns whether a socket got input that no fiber waited for, and clears that.
  bool TakeUnexpectedInput() { return std::exchange(unexpected_input_, false); }

  // Reports the socket's events to `readiness` until the descriptor is closed.
  void RegisterSocket(int descriptor, Readiness& readiness);  // throws std::system_error

  // Only jobs call the functions from here on.

  // Applies to all waits of the job, until it is set again.
  void SetDeadline(base::MonotonicTime deadline);
  Interruption interruption() const;
  // Reads the clock, so that a job that never suspends also sees its deadline.
  void ThrowIfInterrupted();

  // Waits until one of the sockets is ready for what it wants. False when `until` comes first,
  // which does not interrupt the job.
  bool WaitForSockets(std::span<Readiness* const> sockets,
                      base::MonotonicTime until = base::MonotonicTime::max());
  // Waits for the next Notify, or until the WakeEvent is set. False when `until` comes first.
  bool WaitForNotify(base::MonotonicTime until = base::MonotonicTime::max());
  // Wakes all jobs that are in WaitForNotify. The loop's thread may also call it outside of jobs.
  void Notify();

 private:
  void Suspend(base::MonotonicTime until);
  void ArmTimer(Fiber& fiber);
  void DisarmTimer(Fiber& fiber);
  void MakeReady(Fiber& fiber);
  void RunReady();
  void Recycle(Fiber& fiber);
  int WaitForEvents(int timeout_milliseconds);
  int EpollTimeout(base::MonotonicTime until) const;
  bool HandleEvents(int count);
  void RunTimers();

  const base::Clock& clock_;
  base::UniqueFd epoll_;
  const std::shared_ptr<WakeEvent> wake_ = std::make_shared<WakeEvent>();
  std::array<epoll_event, 64> events_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> idle_fibers_;  // those without a job
  std::vector<Fiber*> ready_;        // in the order in which they run
  std::vector<Fiber*> waiting_for_notify_;
  std::set<std::pair<base::MonotonicTime, Fiber*>> timers_;
  Fiber* current_ = nullptr;
  base::MonotonicTime now_ = clock_.Monotonic();
  bool unexpected_input_ = false;
};

}  // namespace khs::net
