#pragma once

#include <boost/context/fiber.hpp>
#include <functional>

#include "base/clock.h"

namespace khs::net {

// A stack of its own that runs one job after another, switched to and from by its loop. Also what
// the loop notes about the job's waits. Owned by the loop, and used by the loop's thread only.
//
// A fiber is never destroyed while its job is suspended: unwinding its stack would meet a
// `catch (...)` of a library. The loop cancels the job instead, and lets it come to its end.
class Fiber {
 public:
  Fiber();
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // From the loop: runs the job until it ends or suspends itself.
  void Resume();
  // From the job: goes back to the loop until it resumes this fiber.
  void Suspend();

  std::function<void()> job;  // empty once it has ended

  // Of the job's waits, kept by the loop.
  base::MonotonicTime deadline = base::MonotonicTime::max();  // of the job
  base::MonotonicTime until = base::MonotonicTime::max();     // of the wait
  base::MonotonicTime armed = base::MonotonicTime::max();     // its entry in the list of timers
  bool cancelled = false;
  bool waiting = false;
  bool ready = false;     // in the loop's queue
  bool happened = false;  // what it waits for

 private:
  // What the C++ runtime keeps for each thread about exceptions in flight. A fiber may suspend
  // itself inside a catch block, so each has its own.
  struct Exceptions {
    void* caught = nullptr;
    unsigned int uncaught = 0;
  };
  // What AddressSanitizer and ThreadSanitizer want to know about a stack.
  struct Stack {
    const void* bottom = nullptr;
    size_t size = 0;
    void* fake = nullptr;
    void* thread = nullptr;
  };

  boost::context::fiber Run(boost::context::fiber&& loop);
  void Allocate();
  void SwapExceptions();

  boost::context::fiber inside_;   // where the job goes on
  boost::context::fiber outside_;  // where the loop goes on
  Exceptions exceptions_;          // of whoever is not running
  Stack own_;
  Stack loop_;
};

}  // namespace khs::net
