#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace khs::testing {

// A port of 127.0.0.1 where a connect neither succeeds nor fails, because the queue of the listener
// is full.
class FullListener {
 public:
  FullListener();
  ~FullListener();
  FullListener(const FullListener&) = delete;
  FullListener& operator=(const FullListener&) = delete;

  uint16_t port() const { return port_; }

 private:
  int listener_ = -1;
  uint16_t port_ = 0;
  std::vector<int> queued_;
};

// A port of 127.0.0.1 that accepts connections and does nothing with them.
class SilentListener {
 public:
  SilentListener();
  ~SilentListener();
  SilentListener(const SilentListener&) = delete;
  SilentListener& operator=(const SilentListener&) = delete;

  uint16_t port() const { return port_; }

  // Waits for a connection and its first bytes, sends `bytes`, and closes without reading the rest.
  void AnswerUnread(const std::string& bytes) const;

 private:
  int listener_ = -1;
  uint16_t port_ = 0;
};

// A port of 127.0.0.1 that is reserved and that nobody listens on.
class ClosedPort {
 public:
  ClosedPort();
  ~ClosedPort();
  ClosedPort(const ClosedPort&) = delete;
  ClosedPort& operator=(const ClosedPort&) = delete;

  uint16_t port() const { return port_; }

 private:
  int socket_ = -1;
  uint16_t port_ = 0;
};

}  // namespace khs::testing
