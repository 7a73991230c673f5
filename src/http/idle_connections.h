#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "http/connection.h"

namespace khs::http {

using ConnectionPtr = std::unique_ptr<Connection>;

// Pool of idle connections to one origin, each kept for a limited time. Owned by EndpointClient and
// used by its thread.
class IdleConnections {
 public:
  // `idle_timeout` is the time after which the endpoint closes the connection, if it sent one.
  void Add(ConnectionPtr connection, std::optional<std::chrono::seconds> idle_timeout,
           base::MonotonicTime now);
  // Returns the usable connection that was used last, so that no more stay open than are needed;
  // null when there is none. Closes those that were opened before `oldest`, or on which anything
  // followed the last response.
  ConnectionPtr Take(base::MonotonicTime now, base::MonotonicTime oldest);

  // Closes connections that were idle for too long. Closes all but one when file descriptors are
  // short elsewhere in the process.
  void CloseExpired(base::MonotonicTime now);
  // Returns when CloseExpired is due.
  base::MonotonicTime NextCheck() const { return std::min(next_expiry_, next_shortage_check_); }
  // Closes connections that the endpoint closed, or sent something on.
  void CloseUnusable();
  void CloseAll() { connections_.clear(); }

 private:
  struct Idle {
    ConnectionPtr connection;
    base::MonotonicTime expires;
  };

  std::vector<Idle> connections_;  // the one used last is at the back
  // A lower bound of the earliest `expires`; lower once the connection that it came from was taken.
  base::MonotonicTime next_expiry_ = base::MonotonicTime::max();
  base::MonotonicTime next_shortage_check_ =
      base::MonotonicTime::max();  // set while it has several
};

}  // namespace khs::http
