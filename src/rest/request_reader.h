#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "rest/chunked_body.h"
#include "rest/limits.h"
#include "rest/request_head.h"

namespace khs::rest {

// Makes requests out of a connection's bytes, one after the other. Pure.
class RequestReader {
 public:
  enum class State {
    kIdle,      // nothing of a request yet
    kHead,      // within its head
    kHeadRead,  // head() is there; a further Advance goes on with the body
    kBody,      // within its body
    kComplete,  // TakeRequest
    kRejected,  // rejection(), for good
  };

  explicit RequestReader(const Limits& limits) : limits_(&limits), scanner_(limits) {}

  void Append(std::string_view bytes) { bytes_.append(bytes); }
  // As far as the bytes go, but never beyond a change of the state that somebody has to act on.
  State Advance();

  State state() const { return state_; }
  RequestHead& head() { return head_; }
  const Rejection& rejection() const { return rejection_; }
  // Bytes came that are not used yet.
  bool has_more() const { return !bytes_.empty(); }
  size_t held_bytes() const { return bytes_.capacity() + head_.request.body.capacity(); }

  // Then the next one begins, which may be there already.
  Request TakeRequest();

 private:
  void ReadHead();
  void ReadBody();
  void Reject(const Rejection& rejection);

  const Limits* limits_;
  State state_ = State::kIdle;
  std::string bytes_;  // not used yet
  HeadScanner scanner_;
  RequestHead head_;
  std::optional<ChunkedBody> chunks_;
  Rejection rejection_;
};

}  // namespace khs::rest
