#include "rest/connections.h"

#include <sys/socket.h>

#include <algorithm>

namespace khs::rest {

Connections::Handle Connections::Add(int descriptor) {
  const std::lock_guard lock(mutex_);
  const Handle added = entries_.emplace(entries_.end());
  added->descriptor = descriptor;
  return added;
}

void Connections::Remove(Handle connection) {
  const std::lock_guard lock(mutex_);
  entries_.erase(connection);
  changed_.notify_all();
}

void Connections::SetPhase(Handle connection, Phase phase, size_t held_bytes) {
  const std::lock_guard lock(mutex_);
  // After a response the wait for the next request counts from the start of the response, because a
  // caller decides how fast it reads that.
  const bool is_idle = connection->phase == Phase::kResponding && phase == Phase::kReading;
  if (!is_idle) connection->waiting_since = std::chrono::steady_clock::now();
  connection->phase = phase;
  connection->held_bytes = held_bytes;
  if (closed_ && phase == Phase::kReading) Evict(*connection);
  EnforceHeldBytes();
  changed_.notify_all();
}

void Connections::SetHeldBytes(Handle connection, size_t bytes) {
  const std::lock_guard lock(mutex_);
  connection->held_bytes = bytes;
  EnforceHeldBytes();
}

bool Connections::EnsureFewerThan(size_t limit, std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  const auto evicted = std::count_if(entries_.begin(), entries_.end(),
                                     [](const Entry& entry) { return entry.is_evicted.load(); });
  if (entries_.size() >= limit + static_cast<size_t>(evicted)) (void)EvictLongestWaiting();
  return changed_.wait_for(lock, timeout, [&] { return entries_.size() < limit; });
}

void Connections::EvictForQueued(std::chrono::milliseconds max_queue_time) {
  const std::lock_guard lock(mutex_);
  const auto oldest = std::chrono::steady_clock::now() - max_queue_time;
  if (std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
        return entry.phase == Phase::kQueued && entry.waiting_since <= oldest;
      })) {
    (void)EvictLongestWaiting();
  }
}

void Connections::Close(std::chrono::milliseconds response_grace) {
  std::unique_lock lock(mutex_);
  closed_ = true;
  for (Entry& entry : entries_) {
    if (entry.phase == Phase::kReading || entry.phase == Phase::kQueued) Evict(entry);
  }
  changed_.wait(lock, [this] {
    return std::none_of(entries_.begin(), entries_.end(),
                        [](const Entry& entry) { return entry.phase == Phase::kHandling; });
  });
  (void)changed_.wait_for(lock, response_grace, [this] { return entries_.empty(); });
  for (Entry& entry : entries_) Evict(entry);
}

// Does not close the descriptor, which belongs to the connection's thread.
void Connections::Evict(Entry& entry) {
  entry.is_evicted = true;
  (void)::shutdown(entry.descriptor, SHUT_RDWR);
}

// Considers connections that hold at least `least_held_bytes` and that wait for their caller, not
// for this process. Returns the evicted one, or null.
const Connections::Entry* Connections::EvictLongestWaiting(size_t least_held_bytes,
                                                           const Entry* excluded) {
  Entry* longest = nullptr;
  for (Entry& entry : entries_) {
    if (entry.is_evicted || &entry == excluded || entry.held_bytes < least_held_bytes) continue;
    if (entry.phase == Phase::kQueued || entry.phase == Phase::kHandling) continue;
    if (longest == nullptr || entry.waiting_since < longest->waiting_since) longest = &entry;
  }
  if (longest != nullptr) Evict(*longest);
  return longest;
}

void Connections::EnforceHeldBytes() {
  // The largest response does not count. Otherwise a response above the limit could never be sent.
  const Entry* largest = nullptr;
  size_t held = 0;
  for (const Entry& entry : entries_) {
    if (entry.is_evicted) continue;
    held += entry.held_bytes;
    if (entry.phase != Phase::kResponding) continue;
    if (largest == nullptr || entry.held_bytes > largest->held_bytes) largest = &entry;
  }
  if (largest != nullptr) held -= largest->held_bytes;
  // Connections that hold no more than a fair share are not evicted.
  const size_t share = limits_.held_bytes / std::max<size_t>(limits_.connections, 1);
  while (held > limits_.held_bytes) {
    const Entry* evicted = EvictLongestWaiting(share + 1, largest);
    if (evicted == nullptr) return;
    held -= evicted->held_bytes;
  }
}

}  // namespace khs::rest
