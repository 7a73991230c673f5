#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>

namespace khs::delivery {

// The endpoint answered.
struct HttpReply {
  int status = 0;
  // The retry indicator; none when the body has none (see ParseRetryIndicator).
  std::optional<bool> retry;
  // Retry-After, as a delay from the moment of the answer; never negative.
  std::optional<std::chrono::milliseconds> retry_after;
  // The beginning of the body, printable and without secrets, for logs and traces; may be empty.
  std::string excerpt = {};
};

// Why there was no answer.
enum class FaultKind { kTimeout, kConnect, kDns, kTls, kProxy, kAuth, kIo };

// A request without an answer.
struct RequestFault {
  FaultKind kind = FaultKind::kIo;
  std::string detail;  // as text; contains nothing of the record or the headers
};

// The attempt was aborted by this process: that says nothing about the record.
struct Aborted {};

using Reply = std::variant<HttpReply, RequestFault, Aborted>;

}  // namespace khs::delivery
