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

void Connections::EnterPhase(Handle connection, Phase phase, size_t held_bytes) {
  const std::lock_guard lock(mutex_);
  // An idle connection waits since its answer was there to be taken, whenever its thread says so.
  const bool is_idle = connection->phase == Phase::kAnswering && phase == Phase::kReading;
  if (!is_idle) connection->since = std::chrono::steady_clock::now();
  connection->phase = phase;
  connection->held_bytes = held_bytes;
  if (closed_ && phase == Phase::kReading) Cut(*connection);
  BoundHeldBytes();
  changed_.notify_all();
}

void Connections::Hold(Handle connection, size_t bytes) {
  const std::lock_guard lock(mutex_);
  connection->held_bytes = bytes;
  BoundHeldBytes();
}

bool Connections::MakeRoom(size_t most, std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  const auto is_cut = [](const Entry& entry) { return entry.is_cut.load(); };
  const auto leaving = std::count_if(entries_.begin(), entries_.end(), is_cut);
  if (entries_.size() >= most + static_cast<size_t>(leaving)) (void)CutLongestWaiting();
  return changed_.wait_for(lock, time, [&] { return entries_.size() < most; });
}

void Connections::ServeQueued(std::chrono::milliseconds longest) {
  const std::lock_guard lock(mutex_);
  const auto begun_by = std::chrono::steady_clock::now() - longest;
  if (std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
        return entry.phase == Phase::kQueued && entry.since <= begun_by;
      })) {
    (void)CutLongestWaiting();
  }
}

void Connections::Close(std::chrono::milliseconds answer_grace) {
  std::unique_lock lock(mutex_);
  closed_ = true;
  for (Entry& entry : entries_) {
    if (entry.phase == Phase::kReading || entry.phase == Phase::kQueued) Cut(entry);
  }
  changed_.wait(lock, [this] {
    return std::none_of(entries_.begin(), entries_.end(),
                        [](const Entry& entry) { return entry.phase == Phase::kHandling; });
  });
  (void)changed_.wait_for(lock, answer_grace, [this] { return entries_.empty(); });
  for (Entry& entry : entries_) Cut(entry);
}

// Not close: the descriptor belongs to the connection's thread.
void Connections::Cut(Entry& entry) {
  entry.is_cut = true;
  (void)::shutdown(entry.descriptor, SHUT_RDWR);
}

// Of those that hold so much; nobody is cut who waits for us. Null: there is none.
const Connections::Entry* Connections::CutLongestWaiting(size_t least_held_bytes,
                                                         const Entry* excluded) {
  Entry* longest = nullptr;
  for (Entry& entry : entries_) {
    if (entry.is_cut || &entry == excluded || entry.held_bytes < least_held_bytes) continue;
    if (entry.phase == Phase::kQueued || entry.phase == Phase::kHandling) continue;
    if (longest == nullptr || entry.since < longest->since) longest = &entry;
  }
  if (longest != nullptr) Cut(*longest);
  return longest;
}

void Connections::BoundHeldBytes() {
  // The largest answer is beyond the bounds: there is no other way to send one that is larger.
  const Entry* largest = nullptr;
  size_t held = 0;
  for (const Entry& entry : entries_) {
    if (entry.is_cut) continue;
    held += entry.held_bytes;
    if (entry.phase != Phase::kAnswering) continue;
    if (largest == nullptr || entry.held_bytes > largest->held_bytes) largest = &entry;
  }
  if (largest != nullptr) held -= largest->held_bytes;
  // Nobody has to go who holds no more than a fair share.
  const size_t share = limits_.held_bytes / std::max<size_t>(limits_.connections, 1);
  while (held > limits_.held_bytes) {
    const Entry* cut = CutLongestWaiting(share + 1, largest);
    if (cut == nullptr) return;
    held -= cut->held_bytes;
  }
}

}  // namespace khs::rest
