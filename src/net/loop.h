#pragma once

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

// Thrown by a wait when the job of its fiber was cancelled or has passed its deadline, and by every
// further wait of that job.
struct Interrupted : std::exception {
  const char* what() const noexcept override { return "interrupted"; }
};

enum class Interruption { kNone, kDeadline, kCancelled };

// What is possible with a socket, since the last attempt that found it impossible. Owned by the
// socket, filled in by the loop.
struct Readiness {
  enum : uint8_t { kRead = 1, kWrite = 2 };

  uint8_t possible = 0;
  uint8_t wanted = 0;    // what its waiter waits for
  bool ended = false;    // the peer sends nothing more
  bool noticed = false;  // something came while nobody waited
  Fiber* waiter = nullptr;
};

// Runs jobs on fibers, which wait on one epoll for sockets, for time and for each other. One
// thread, but for the WakeEvent.
//
//   Start(job) ──► runs ──► Wait ──► suspended ──► Poll: socket, time or Cancel ──► runs ──► ended
//
// Sockets are watched edge-triggered, for both directions, and once: waiting costs no system call
// but epoll_wait.
class Loop {
 public:
  // `clock` must outlive the loop.
  explicit Loop(const base::Clock& clock);  // throws std::system_error
  // Cancels every job and runs it to its end: what the jobs use must still be there.
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Begins to run a job, which must not throw. The fiber is the job's until it has ended, and then
  // another one's. Not from a job.
  Fiber* Start(std::function<void()> job);
  // Makes the wait that is under way, and every further one, throw. Not from a job.
  void Cancel(Fiber* fiber);

  // Waits until something happens, or until the time has come, and runs whatever can go on. For
  // `spin` it looks again and again before it sleeps. True when the WakeEvent was set.
  bool Poll(base::MonotonicTime until, std::chrono::microseconds spin);

  const std::shared_ptr<WakeEvent>& wake_event() const { return wake_; }
  // The time when a job was started or the loop looked at its sockets last: jobs are short, and
  // reading the clock at every turn costs more than many of them.
  base::MonotonicTime Now() const { return now_; }
  // Whether something came on a watched socket that nobody waited for; forgets it.
  bool TakeNoticed() { return std::exchange(noticed_, false); }

  // `readiness` must outlive the descriptor's being open, which ends the watch.
  void Watch(int descriptor, Readiness& readiness);  // throws std::system_error

  // The rest is for jobs.

  // For the whole of the job, until it is set again.
  void SetDeadline(base::MonotonicTime deadline);
  Interruption interruption() const;
  // Reads the clock, so that a job that never suspends sees its deadline, too.
  void ThrowIfInterrupted();

  // Waits until one of the sockets has something possible that it wants. False when `until` comes
  // first, which is no interruption.
  bool Wait(std::span<Readiness* const> sockets,
            base::MonotonicTime until = base::MonotonicTime::max());
  // Waits for the next Notify, or for the WakeEvent to be set. False when `until` comes first.
  bool AwaitNotice(base::MonotonicTime until = base::MonotonicTime::max());
  // Wakes whoever is in AwaitNotice, to look again. Also for the loop's thread outside of jobs.
  void Notify();

 private:
  void Suspend(base::MonotonicTime until);
  void Arm(Fiber& fiber);
  void Disarm(Fiber& fiber);
  void MakeReady(Fiber& fiber);
  void RunReady();
  void Release(Fiber& fiber);
  int Look(int timeout_milliseconds);
  int SleepLimit(base::MonotonicTime until) const;
  bool TakeEvents(int count);
  void RunTimers();

  struct Events;

  const base::Clock& clock_;
  base::UniqueFd epoll_;
  const std::shared_ptr<WakeEvent> wake_ = std::make_shared<WakeEvent>();
  const std::unique_ptr<Events> events_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> parked_;  // without a job
  std::vector<Fiber*> ready_;   // in the order in which they go on
  std::vector<Fiber*> awaiting_notice_;
  std::set<std::pair<base::MonotonicTime, Fiber*>> timers_;
  Fiber* current_ = nullptr;
  base::MonotonicTime now_ = clock_.Monotonic();
  bool noticed_ = false;
};

}  // namespace khs::net
