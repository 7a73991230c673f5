#pragma once

#include <chrono>
#include <cstddef>

namespace khs::rest {

// Limits of a listener. Each time is a total, so it also ends a caller that sends a byte at a time.
struct Limits {
  size_t request_line_bytes = 8u << 10;
  size_t head_bytes = 64u << 10;  // including the request line
  size_t body_bytes = 1u << 20;

  // From a request's first byte to its last. For a new connection, from accept to the last byte of
  // the first request, including the TLS handshake.
  std::chrono::milliseconds request_time{10'000};
  // From one request to the next.
  std::chrono::milliseconds idle_time{30'000};
  // From the start of a response until the caller has read it.
  std::chrono::milliseconds response_time{30'000};
  // After the last response, for how long to discard what the caller still sends. Otherwise a reset
  // could destroy the response.
  std::chrono::milliseconds linger_time{1'000};

  // Above each of these limits the connection that has kept its thread waiting longest is evicted.
  size_t connections = 256;  // each has a thread
  // When all file descriptors outside of the reserve (base/descriptors.h) are in use.
  size_t reserved_connections = 8;
  // Requests and responses of all connections. Only connections above their share are evicted.
  size_t held_bytes = 64u << 20;
};

// Why a request is rejected before the handler is called. The connection is then closed, because
// the start of the next request is unknown.
struct Rejection {
  int status = 400;
  const char* reason = "";  // constant text that quotes nothing of the request
};

}  // namespace khs::rest
