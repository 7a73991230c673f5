#include "http/idle_connections.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/descriptors.h"

namespace khs::http {
namespace {

using std::chrono::seconds;

// What lies between us and the endpoint (NAT, load balancers) forgets idle connections without a
// word, the hastiest after a minute or so.
constexpr seconds kLongestIdle{50};
// The endpoint's time began before its answer was here, and ends before our request is there.
constexpr seconds kOnTheWay{1};
// How often who has several looks whether others lack descriptors.
constexpr seconds kLookInterval{1};
constexpr size_t kMoreThanAnyoneOpens = 65'536;

seconds LongestIdle(std::optional<seconds> announced) {
  if (!announced) return kLongestIdle;
  return std::clamp(*announced - kOnTheWay, seconds{0}, kLongestIdle);
}

}  // namespace

void IdleConnections::Add(ConnectionPtr connection, std::optional<seconds> announced,
                          base::MonotonicTime now) {
  const seconds longest = LongestIdle(announced);
  if (longest == seconds{0}) return;
  next_end_ = std::min(next_end_, now + longest);
  connections_.push_back({std::move(connection), now + longest});
  const bool looks = next_look_ != base::MonotonicTime::max();
  if (connections_.size() > 1 && !looks && base::MaxDescriptors() < kMoreThanAnyoneOpens) {
    next_look_ = now + kLookInterval;
  }
}

ConnectionPtr IdleConnections::Take(base::MonotonicTime now, base::MonotonicTime oldest) {
  while (!connections_.empty()) {
    Idle idle = std::move(connections_.back());
    connections_.pop_back();
    if (now < idle.until && idle.connection->opened() >= oldest && idle.connection->Quiet()) {
      return std::move(idle.connection);
    }
  }
  return nullptr;
}

base::MonotonicTime IdleConnections::NextEnd() const { return std::min(next_end_, next_look_); }

void IdleConnections::CloseOld(base::MonotonicTime now) {
  if (now >= next_look_) {
    // Those that are used last are the ones that are needed.
    if (connections_.size() > 1 && base::IsNearDescriptorLimit()) {
      connections_.erase(connections_.begin(), connections_.end() - 1);
    }
    next_look_ = connections_.size() > 1 ? now + kLookInterval : base::MonotonicTime::max();
  }
  if (now < next_end_) return;
  std::erase_if(connections_, [now](const Idle& each) { return now >= each.until; });
  next_end_ = base::MonotonicTime::max();
  for (const Idle& each : connections_) next_end_ = std::min(next_end_, each.until);
}

void IdleConnections::CloseNoticed() {
  std::erase_if(connections_, [](const Idle& each) {
    return each.connection->noticed() && !each.connection->Quiet();
  });
}

}  // namespace khs::http
