#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace khs::http {

// What an answer's head says about where its body ends. Each list holds the values of all header
// lines of that name.
struct FramingHeaders {
  int status = 0;
  bool http_1_1 = true;
  std::vector<std::string_view> content_length;
  std::vector<std::string_view> transfer_encoding;
  std::vector<std::string_view> connection;
  std::vector<std::string_view> keep_alive;
};

struct Framing {
  enum class Body { kNone, kSized, kChunked, kUntilClose };
  Body body = Body::kNone;
  uint64_t size = 0;         // of a sized body
  bool keeps_alive = false;  // the connection can carry another request after the body
  // After which the endpoint closes the connection when it is idle, if that was announced.
  std::optional<std::chrono::seconds> idle_timeout{};

  bool operator==(const Framing&) const = default;
};

// RFC 9112, section 6.3, without its leniency: what can be read in two ways is refused. The error
// is for people and holds nothing of the headers.
base::Expected<Framing, std::string> DecideFraming(const FramingHeaders& headers);

// The size of the chunk that this line (without its end) announces.
std::optional<uint64_t> ParseChunkSize(std::string_view line);

}  // namespace khs::http
