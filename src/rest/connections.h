#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <list>
#include <mutex>

#include "base/clock.h"
#include "rest/limits.h"

namespace khs::rest {

// The open connections of a listener. Limits their number and the bytes they hold: above a limit it
// evicts the connection that has kept its thread waiting longest. To evict is to shut the socket
// down, which wakes the connection's thread, and that thread closes it. Owned by HttpServer; any
// thread may use it.
class Connections {
 public:
  enum class Phase {
    kQueued,      // it waits for a thread
    kReading,     // its thread waits for a request, or for the rest of one
    kHandling,    // its thread runs the handler
    kResponding,  // its thread waits for the caller to read the response
  };
  struct Entry {
    int descriptor;
    Phase phase = Phase::kQueued;
    base::MonotonicTime waiting_since = std::chrono::steady_clock::now();
    size_t held_bytes = 0;
    std::atomic<bool> is_evicted = false;  // the connection's thread reads it without the lock
  };
  using Handle = std::list<Entry>::iterator;

  explicit Connections(const Limits& limits) : limits_(limits) {}

  const Limits& limits() const { return limits_; }
  Handle Add(int descriptor);
  // Must be called before the descriptor is closed.
  void Remove(Handle connection);
  void SetPhase(Handle connection, Phase phase, size_t held_bytes);
  void SetHeldBytes(Handle connection, size_t bytes);

  // Evicts a connection if there are `limit` or more, and waits for its end. Returns whether there
  // are fewer within `timeout`.
  bool EnsureFewerThan(size_t limit, std::chrono::milliseconds timeout);
  // Evicts a connection if another one has waited for a thread for longer than `max_queue_time`.
  void EvictForQueued(std::chrono::milliseconds max_queue_time);

  bool is_closed() const { return closed_; }
  // Evicts connections that wait for a request or a thread, waits for running handlers, and evicts
  // the rest after `response_grace`.
  void Close(std::chrono::milliseconds response_grace);

 private:
  static void Evict(Entry& entry);
  const Entry* EvictLongestWaiting(size_t least_held_bytes = 0, const Entry* excluded = nullptr);
  void EnforceHeldBytes();

  const Limits limits_;
  std::atomic<bool> closed_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Entry> entries_;
};

}  // namespace khs::rest
