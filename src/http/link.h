#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "http/connection.h"
#include "http/dial.h"
#include "http/origin.h"
#include "http/poller.h"
#include "task/endpoint.h"

namespace khs::http {

// A socket and who uses it, as long as it is open. Stays where it is: the poller knows it.
struct Link {
  std::shared_ptr<const Origin> origin;  // before the connection, which uses its TLS
  std::optional<Dialer> dialer;
  std::optional<Connection> connection;
  std::optional<task::Endpoint::Slot> slot;
  Wants watched = Wants::kNothing;
  base::MonotonicTime idle_until;
};

using LinkPtr = std::unique_ptr<Link>;

// Connections to one origin that wait for their next use, each for a limited time. One thread.
class IdleLinks {
 public:
  // `announced` is after what time the endpoint closes it, if it said so.
  void Add(LinkPtr link, std::optional<std::chrono::seconds> announced, base::MonotonicTime now);
  // The one that was used last, so that no more stay open than are needed; null when there is none.
  // Looks whether it is still good: an exchange is over as soon as its answer is whole, and what
  // came behind that was not looked at.
  LinkPtr Take(base::MonotonicTime now);

  // Also all but one when others lack descriptors.
  void CloseOld(base::MonotonicTime now);
  // When to look for old ones.
  base::MonotonicTime NextEnd() const { return std::min(next_end_, next_look_); }

  void Close(const Link* link);
  void CloseAll() { links_.clear(); }

 private:
  std::vector<LinkPtr> links_;  // used last at the back
  // Not after the first one's end; before it when that one has been taken since.
  base::MonotonicTime next_end_ = base::MonotonicTime::max();
  // For others that lack descriptors; while there are several here.
  base::MonotonicTime next_look_ = base::MonotonicTime::max();
};

}  // namespace khs::http
