#pragma once

#include <boost/context/fiber.hpp>
#include <functional>

#include "base/clock.h"

namespace khs::net {

// A stack that runs one job after another, and the loop's state of that job. The loop owns it and
// switches to and from it; only the loop's thread uses it.
//
// A fiber is never destroyed while its job is suspended: unwinding its stack would run into a
// `catch (...)` of a library. The loop cancels the job instead and lets it return.
class Fiber {
 public:
  Fiber();
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Runs the job until it returns or suspends. The loop calls this.
  void Resume();
  // Switches to the loop, until the loop resumes this fiber. The job calls this.
  void Suspend();

  std::function<void()> job;  // empty once it has returned

  // The loop's state of the job.
  base::MonotonicTime deadline = base::MonotonicTime::max();    // of the job
  base::MonotonicTime wait_until = base::MonotonicTime::max();  // of the current wait
  base::MonotonicTime timer_at = base::MonotonicTime::max();    // its entry in the loop's timers
  bool cancelled = false;
  bool waiting = false;
  bool ready = false;           // it is in the loop's ready queue
  bool event_occurred = false;  // the event that the current wait is for

 private:
  // The C++ runtime's per-thread state of exceptions in flight (__cxa_eh_globals). A job may
  // suspend inside a catch block, so each fiber has its own.
  struct Exceptions {
    void* caught = nullptr;
    unsigned int uncaught = 0;
  };
  // What AddressSanitizer and ThreadSanitizer need to know about a stack.
  struct Stack {
    const void* bottom = nullptr;
    size_t size = 0;
    void* fake = nullptr;
    void* thread = nullptr;
  };

  boost::context::fiber Run(boost::context::fiber&& loop);
  void SwapExceptions();

  boost::context::fiber job_context_;   // where the job continues
  boost::context::fiber loop_context_;  // where the loop continues
  Exceptions exceptions_;               // of the job while it is suspended, else of the loop
  Stack own_;
  Stack loop_;
};

}  // namespace khs::net
