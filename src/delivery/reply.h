#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>

namespace khs::delivery {

// The endpoint answered with HTTP.
struct HttpReply {
  int status = 0;
  // The retry indicator; nothing when the body has none (see ParseRetryIndicator).
  std::optional<bool> retry;
  // Retry-After, as a wait from the moment of the answer; never negative.
  std::optional<std::chrono::milliseconds> retry_after;
};

// Why there was no answer.
enum class FaultKind { kTimeout, kConnect, kDns, kTls, kProxy, kIo };

struct RequestFault {
  FaultKind kind = FaultKind::kIo;
  std::string detail;  // for people; holds nothing of the record or of the headers
};

// The request was ended from this side (shutdown): it says nothing about the record.
struct Aborted {};

using Reply = std::variant<HttpReply, RequestFault, Aborted>;

}  // namespace khs::delivery
