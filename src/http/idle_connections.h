#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "http/connection.h"

namespace khs::http {

using ConnectionPtr = std::unique_ptr<Connection>;

// Connections to one origin that wait for their next use, each for a limited time. One thread.
class IdleConnections {
 public:
  // `announced` is after what time the endpoint closes it, if it said so.
  void Add(ConnectionPtr connection, std::optional<std::chrono::seconds> announced,
           base::MonotonicTime now);
  // The one that was used last, so that no more stay open than are needed; null when there is none.
  // Looks whether it is still good: an exchange is over as soon as its response is whole, and what
  // came behind that was not looked at. None that was opened before `oldest`.
  ConnectionPtr Take(base::MonotonicTime now, base::MonotonicTime oldest);

  // Also all but one when others lack descriptors.
  void CloseOld(base::MonotonicTime now);
  // When to look for old ones.
  base::MonotonicTime NextEnd() const;
  // Those that have ended, or on which something came.
  void CloseNoticed();
  void CloseAll() { connections_.clear(); }

 private:
  struct Idle {
    ConnectionPtr connection;
    base::MonotonicTime until;
  };

  std::vector<Idle> connections_;  // used last at the back
  // Not after the first one's end; before it when that one has been taken since.
  base::MonotonicTime next_end_ = base::MonotonicTime::max();
  // For others that lack descriptors; while there are several here.
  base::MonotonicTime next_look_ = base::MonotonicTime::max();
};

}  // namespace khs::http
