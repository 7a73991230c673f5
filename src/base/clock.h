#pragma once

#include <chrono>

namespace khs::base {

// For intervals and deadlines. It never jumps.
using MonotonicTime = std::chrono::steady_clock::time_point;
// For record timestamps and HTTP dates. It jumps when the machine's clock is set.
using WallTime = std::chrono::system_clock::time_point;

// Both clocks, read at the same moment. Pure code takes the time as an argument of this type.
struct Now {
  MonotonicTime monotonic;
  WallTime wall;
};

// The source of the current time. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Now Read() const = 0;
  // Reads one clock only, where the time of day is not needed. Any thread.
  virtual MonotonicTime Monotonic() const { return Read().monotonic; }
};

// The clock of the machine. Owned by the command.
class SystemClock final : public Clock {
 public:
  Now Read() const override {
    return {std::chrono::steady_clock::now(), std::chrono::system_clock::now()};
  }
  MonotonicTime Monotonic() const override { return std::chrono::steady_clock::now(); }
};

}  // namespace khs::base
