#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace khs::testing {

// A port of 127.0.0.1 at which a connect neither succeeds nor fails: it listens, but its queue is
// full and nobody accepts.
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

// A port of 127.0.0.1 that takes connections but does nothing with them unless told to.
class SilentListener {
 public:
  SilentListener();
  ~SilentListener();
  SilentListener(const SilentListener&) = delete;
  SilentListener& operator=(const SilentListener&) = delete;

  uint16_t port() const { return port_; }

  // Waits for a connection and for some bytes on it, sends `bytes` and closes, with whatever else
  // came unread.
  void AnswerUnread(const std::string& bytes) const;

 private:
  int listener_ = -1;
  uint16_t port_ = 0;
};

// A port of 127.0.0.1 that nobody listens on, and that nobody else is given meanwhile.
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
