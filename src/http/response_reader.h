#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "delivery/reply.h"
#include "http/response_framing.h"

namespace khs::http {

// What an endpoint answered, as far as it matters here.
struct Response {
  int status = 0;
  std::string body;  // empty when it is over delivery::kMaxIndicatorBody: there is nothing to judge
  std::optional<std::string> retry_after;            // the header's value
  bool reusable = false;                             // the connection can carry another request
  std::optional<std::chrono::seconds> idle_timeout;  // how long the endpoint waits for that
};

// Makes an answer of bytes as they come in. Pure.
class ResponseReader {
 public:
  // Whether the answer is whole; the fault when it can't become one.
  using Result = base::Expected<bool, delivery::RequestFault>;

  // Forgets everything: a new answer is to come.
  void Start();
  Result Add(std::string_view bytes);
  // The peer sends nothing more.
  Result End();

  // The answer, once it is whole.
  Response& response() { return response_; }

 private:
  enum class State {
    kHead,
    kSizedBody,
    kChunkSize,
    kChunk,
    kChunkEnd,
    kTrailers,
    kBodyUntilClose,
    kWhole
  };
  // False when more bytes are needed first.
  base::Expected<bool, std::string> Step();
  base::Expected<bool, std::string> TakeHead();
  base::Expected<bool, std::string> TakeChunkSize();
  base::Expected<bool, std::string> TakeTrailer();
  bool TakeSized(State next);
  std::optional<std::string_view> TakeLine();
  size_t LineBytes(const std::optional<std::string_view>& line) const;
  std::string_view rest() const { return std::string_view(received_).substr(taken_); }
  bool Finish(bool whole);

  State state_ = State::kHead;
  std::string received_;
  size_t taken_ = 0;    // of what was received
  size_t scanned_ = 0;  // of the rest, for a line's or the head's end
  size_t head_bytes_ = 0;
  size_t chunk_line_bytes_ = 0;  // in total
  uint64_t left_ = 0;            // of a body or chunk of known size
  bool keeps_alive_ = false;
  Response response_;
};

}  // namespace khs::http
