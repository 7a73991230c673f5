#include "http/connection_pool.h"

#include <sys/socket.h>

#include <vector>

namespace khs::http {
namespace {

// What lies between us and the endpoint (NAT, load balancers) forgets idle connections without a
// word, the hastiest after a minute or so.
constexpr std::chrono::seconds kLongestIdle{50};

}  // namespace

ConnectionPool::Use::Use(ConnectionPool& pool, int descriptor)
    : pool_(pool), descriptor_(descriptor) {
  const std::lock_guard lock(pool_.mutex_);
  pool_.in_use_.insert(descriptor_);
  if (pool_.aborted_) (void)::shutdown(descriptor_, SHUT_RDWR);
}

ConnectionPool::Use::~Use() {
  const std::lock_guard lock(pool_.mutex_);
  pool_.in_use_.erase(descriptor_);
}

std::unique_ptr<Connection> ConnectionPool::Take(base::MonotonicTime now) {
  for (;;) {
    Idle taken;
    {
      const std::lock_guard lock(mutex_);
      if (idle_.empty()) return nullptr;
      taken = std::move(idle_.back());
      idle_.pop_back();
    }
    if (now - taken.since < kLongestIdle && taken.connection->Quiet()) {
      return std::move(taken.connection);
    }
  }
}

void ConnectionPool::Put(std::unique_ptr<Connection> connection, base::MonotonicTime now) {
  std::vector<Idle> stale;  // closed after the lock is released
  const std::lock_guard lock(mutex_);
  if (aborted_) {
    stale.push_back({std::move(connection), now});
    return;
  }
  while (!idle_.empty() && now - idle_.front().since >= kLongestIdle) {
    stale.push_back(std::move(idle_.front()));
    idle_.pop_front();
  }
  idle_.push_back({std::move(connection), now});
}

void ConnectionPool::Abort() {
  std::deque<Idle> closed;
  const std::lock_guard lock(mutex_);
  aborted_ = true;
  closed.swap(idle_);
  for (const int descriptor : in_use_) (void)::shutdown(descriptor, SHUT_RDWR);
}

bool ConnectionPool::aborted() const {
  const std::lock_guard lock(mutex_);
  return aborted_;
}

}  // namespace khs::http
