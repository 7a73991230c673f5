#pragma once

#include <chrono>
#include <cstddef>

namespace khs::rest {

// Per-listener limits. All times are totals, so a caller that sends a byte at a time is cut too.
struct Limits {
  size_t request_line_bytes = 8u << 10;
  size_t head_bytes = 64u << 10;  // with the request line
  size_t body_bytes = 1u << 20;

  // From a request's first byte to its last; for a new connection also to its first, with TLS.
  std::chrono::milliseconds request_time{10'000};
  // From one request to the next.
  std::chrono::milliseconds idle_time{30'000};
  // Until the caller has taken the answer.
  std::chrono::milliseconds answer_time{30'000};
  // What a caller still sends after the connection's last answer is read for so long, so that the
  // answer is not lost to a reset.
  std::chrono::milliseconds linger_time{1'000};

  // Each has a thread. When there are more, the one that has kept the listener waiting longest is
  // closed.
  size_t connections = 256;
  // Likewise, when all file descriptors outside of the reserve (base/descriptors.h) are in use.
  size_t reserved_connections = 8;
  // Of requests and answers of all connections; likewise, among those that hold more than their
  // share.
  size_t held_bytes = 64u << 20;
};

// Why a request is refused before it is handled. Its connection is closed, since where the next
// request would begin is not known.
struct Rejection {
  int status = 400;
  const char* reason = "";  // constant text, without anything of the request
};

}  // namespace khs::rest
