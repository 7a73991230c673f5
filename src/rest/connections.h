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

// The watchdog of a listener's connections: bounds their number and the bytes they hold, and cuts
// the one that has kept its thread waiting longest when there must be room. A cut shuts the socket
// down, so that the connection's own thread wakes up and closes it. Any thread; owned by
// HttpServer.
class Connections {
 public:
  enum class Phase {
    kQueued,     // accepted, no thread serves it yet
    kReading,    // waits for a request, or for the rest of one
    kHandling,   // the caller waits for us
    kAnswering,  // waits for the caller to take the answer
  };
  struct Entry {
    int descriptor;
    Phase phase = Phase::kQueued;
    base::MonotonicTime since = std::chrono::steady_clock::now();
    size_t held_bytes = 0;
    std::atomic<bool> is_cut = false;  // also read by the connection's thread, without the lock
  };
  using Handle = std::list<Entry>::iterator;

  explicit Connections(const Limits& limits) : limits_(limits) {}

  const Limits& limits() const { return limits_; }
  Handle Add(int descriptor);
  void Remove(Handle connection);  // before the descriptor is closed
  void EnterPhase(Handle connection, Phase phase, size_t held_bytes);
  void Hold(Handle connection, size_t bytes);  // in the same phase

  // Whether there are, within that time, fewer connections than `most`. Cuts one if need be.
  bool MakeRoom(size_t most, std::chrono::milliseconds time);
  // Cuts one when another one has waited for a thread for so long.
  void ServeQueued(std::chrono::milliseconds longest);

  bool is_closed() const { return closed_; }
  // Cuts whoever waits for a request, lets handlers finish, and gives their answers `answer_grace`.
  void Close(std::chrono::milliseconds answer_grace);

 private:
  static void Cut(Entry& entry);
  const Entry* CutLongestWaiting(size_t least_held_bytes = 0, const Entry* excluded = nullptr);
  void BoundHeldBytes();

  const Limits limits_;
  std::atomic<bool> closed_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Entry> entries_;
};

}  // namespace khs::rest
