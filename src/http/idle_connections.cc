#include "http/idle_connections.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/descriptors.h"

namespace khs::http {
namespace {

using std::chrono::seconds;

// NAT gateways and load balancers silently drop idle connections, some after about a minute.
constexpr seconds kMaxIdleTime{50};
// The endpoint's idle timeout starts before its response arrives here, and must not pass before the
// next request arrives there.
constexpr seconds kTransferTime{1};
constexpr seconds kShortageCheckInterval{1};
// With a limit this high there is no shortage of file descriptors.
constexpr size_t kAmpleDescriptors = 65'536;

seconds MaxIdleTime(std::optional<seconds> idle_timeout) {
  if (!idle_timeout) return kMaxIdleTime;
  return std::clamp(*idle_timeout - kTransferTime, seconds{0}, kMaxIdleTime);
}

}  // namespace

void IdleConnections::Add(ConnectionPtr connection, std::optional<seconds> idle_timeout,
                          base::MonotonicTime now) {
  const base::MonotonicTime expires = now + MaxIdleTime(idle_timeout);
  if (expires == now) return;
  next_expiry_ = std::min(next_expiry_, expires);
  connections_.push_back({std::move(connection), expires});
  const bool checks = next_shortage_check_ != base::MonotonicTime::max();
  if (connections_.size() > 1 && !checks && base::MaxDescriptors() < kAmpleDescriptors) {
    next_shortage_check_ = now + kShortageCheckInterval;
  }
}

ConnectionPtr IdleConnections::Take(base::MonotonicTime now, base::MonotonicTime oldest) {
  while (!connections_.empty()) {
    Idle idle = std::move(connections_.back());
    connections_.pop_back();
    if (now < idle.expires && idle.connection->opened() >= oldest &&
        !idle.connection->HasUnexpectedInput()) {
      return std::move(idle.connection);
    }
  }
  return nullptr;
}

void IdleConnections::CloseExpired(base::MonotonicTime now) {
  if (now >= next_shortage_check_) {
    if (connections_.size() > 1 && base::IsNearDescriptorLimit()) {
      connections_.erase(connections_.begin(), connections_.end() - 1);
    }
    next_shortage_check_ =
        connections_.size() > 1 ? now + kShortageCheckInterval : base::MonotonicTime::max();
  }
  if (now < next_expiry_) return;
  std::erase_if(connections_, [now](const Idle& each) { return now >= each.expires; });
  next_expiry_ = base::MonotonicTime::max();
  for (const Idle& each : connections_) next_expiry_ = std::min(next_expiry_, each.expires);
}

void IdleConnections::CloseUnusable() {
  std::erase_if(connections_, [](const Idle& each) {
    return each.connection->may_have_unexpected_input() && each.connection->HasUnexpectedInput();
  });
}

}  // namespace khs::http
