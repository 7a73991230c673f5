#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <set>

#include "base/clock.h"
#include "http/connection.h"

namespace khs::http {

// The connections of one client: those that wait for their next request, and the sockets of those
// in use, so that Abort reaches them. Several threads at once; the lock is never held across I/O
// (shutting a socket down does not block).
class ConnectionPool {
 public:
  // A socket in use. Must go before its connection does.
  class Use {
   public:
    Use(ConnectionPool& pool, int descriptor);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    ConnectionPool& pool_;
    const int descriptor_;
  };

  // The one that was used last and is still good, or null.
  std::unique_ptr<Connection> Take(base::MonotonicTime now);
  void Put(std::unique_ptr<Connection> connection, base::MonotonicTime now);

  // Shuts down every socket in use, now or to come, and closes all others.
  void Abort();
  bool aborted() const;

 private:
  struct Idle {
    std::unique_ptr<Connection> connection;
    base::MonotonicTime since;
  };

  mutable std::mutex mutex_;
  std::deque<Idle> idle_;  // used last at the back
  std::set<int> in_use_;
  bool aborted_ = false;
};

}  // namespace khs::http
