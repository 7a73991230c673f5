#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

namespace khs::testing {

// HTTP proxy on a free port of 127.0.0.1. It accepts one connection, reads the head of a CONNECT,
// sends the given answer, and then forwards bytes to a port of 127.0.0.1, or closes.
class TunnelProxy {
 public:
  // `to` 0: closes after the answer.
  TunnelProxy(std::string answer, uint16_t to);
  ~TunnelProxy();
  TunnelProxy(const TunnelProxy&) = delete;
  TunnelProxy& operator=(const TunnelProxy&) = delete;

  uint16_t port() const { return port_; }
  // Returns the received head.
  std::string TakeHead();

 private:
  void Serve();

  const std::string answer_;
  const uint16_t to_;
  int listener_ = -1;
  uint16_t port_ = 0;
  int stop_[2] = {-1, -1};
  std::mutex mutex_;
  std::string head_;
  std::thread thread_;
};

}  // namespace khs::testing
