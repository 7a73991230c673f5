#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "base/clock.h"

namespace khs::http {

// Ends what a socket is doing when its time is up, by shutting the connection down in both
// directions: whoever blocks on it returns at once. A receive timeout can't do that, because it
// starts anew with every byte that a slow server sends. One thread serves the whole process; any
// thread may arm.
class Deadlines {
 public:
  // Watches one socket as long as it lives. The socket must outlive it: the descriptor is shut down
  // under the lock that Disarm takes, so a number that was closed and given out anew is never
  // touched.
  class Guard {
   public:
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    ~Guard() { Disarm(); }

    // Stops the watch. True when the time was up before and the connection was ended.
    bool Disarm();

   private:
    friend class Deadlines;
    Guard(Deadlines& owner, int descriptor, base::MonotonicTime when);

    Deadlines& owner_;
    const int descriptor_;
    bool armed_ = false;
    bool fired_ = false;
    std::multimap<base::MonotonicTime, Guard*>::iterator place_;
  };

  Deadlines();
  ~Deadlines();
  Deadlines(const Deadlines&) = delete;
  Deadlines& operator=(const Deadlines&) = delete;

  [[nodiscard]] Guard Arm(int descriptor, base::MonotonicTime when) {
    return Guard(*this, descriptor, when);
  }

 private:
  void Run();
  void EndThoseDue(base::MonotonicTime now);  // with the lock held

  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<base::MonotonicTime, Guard*> armed_;
  // When the thread looks again by itself. Arming and disarming wakes it only to look earlier, so
  // that requests which end in time cost it nothing.
  base::MonotonicTime next_look_ = base::MonotonicTime::max();
  bool stopping_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace khs::http
