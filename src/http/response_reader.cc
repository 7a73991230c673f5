#include "http/response_reader.h"

#include <utility>

#include "delivery/retry_indicator.h"
#include "http/response_head.h"

namespace khs::http {
namespace {

using delivery::FaultKind;
using delivery::RequestFault;

// Heads, and trailers.
constexpr size_t kMaxHeadBytes = 64 * 1024;
constexpr size_t kMaxChunkLine = 4 * 1024;  // without its end
// Enough for the largest body that is judged, a byte a chunk.
constexpr size_t kMaxChunkLines = 512 * 1024;

base::Unexpected<std::string> NotHttp(const char* why) {
  return base::Unexpected<std::string>(why);
}

}  // namespace

void ResponseReader::Start() {
  state_ = State::kHead;
  received_.clear();
  taken_ = scanned_ = head_bytes_ = chunk_line_bytes_ = 0;
  left_ = 0;
  keeps_alive_ = false;
  response_ = {};
}

ResponseReader::Result ResponseReader::Add(std::string_view bytes) {
  received_.append(bytes);
  while (state_ != State::kWhole) {
    const auto moved = Step();
    if (!moved) {
      return base::Unexpected<RequestFault>(
          RequestFault{FaultKind::kIo, "not an HTTP answer: " + moved.error()});
    }
    if (!*moved) return false;
  }
  if (taken_ < received_.size()) response_.reusable = false;
  return true;
}

ResponseReader::Result ResponseReader::End() {
  if (state_ == State::kBodyUntilClose) return Finish(true);
  const bool nothing = state_ == State::kHead && received_.empty();
  return base::Unexpected<RequestFault>(RequestFault{
      FaultKind::kIo, std::string("closed early: it ended ") + (nothing ? "before the answer"
                                                                : state_ == State::kHead
                                                                    ? "within the answer's head"
                                                                    : "within the answer's body")});
}

base::Expected<bool, std::string> ResponseReader::Step() {
  switch (state_) {
    case State::kHead:
      return TakeHead();
    case State::kSizedBody:
      if (!TakeSized(State::kWhole)) return false;
      return Finish(true);
    case State::kChunkSize:
      return TakeChunkSize();
    case State::kChunk:
      return TakeSized(State::kChunkEnd);
    case State::kChunkEnd: {
      const auto line = TakeLine();
      if (line && !line->empty()) return NotHttp("a chunk is longer than its size");
      if (!line && rest().size() > 1) return NotHttp("a chunk is longer than its size");
      if (line) state_ = State::kChunkSize;
      return line.has_value();
    }
    case State::kTrailers:
      return TakeTrailer();
    case State::kBodyUntilClose:
      response_.body.append(rest());
      taken_ = received_.size();
      if (response_.body.size() > delivery::kMaxIndicatorBody) return Finish(false);
      received_.clear();
      taken_ = 0;
      return false;
    case State::kWhole:
      break;
  }
  return false;
}

base::Expected<bool, std::string> ResponseReader::TakeHead() {
  if (!MayBeHttp(rest())) return NotHttp("its status line is malformed");
  const auto end = FindHeadEnd(rest(), scanned_);
  if (head_bytes_ + end.value_or(rest().size()) > kMaxHeadBytes) {
    return NotHttp("its head is too large");
  }
  if (!end) return false;
  const auto head = ParseResponseHead(rest().substr(0, *end));
  if (!head) return base::Unexpected<std::string>(head.error());
  head_bytes_ += *end;
  if (head->framing.status == 101) return NotHttp("it switched protocols unasked");
  if (head->framing.status < 200) {  // an interim answer
    taken_ += *end;
    scanned_ = 0;
    return true;
  }
  const auto framing = DecideFraming(head->framing);
  if (!framing) return base::Unexpected<std::string>(framing.error());
  response_.status = head->framing.status;
  if (head->retry_after) response_.retry_after.emplace(*head->retry_after);
  response_.idle_timeout = framing->idle_timeout;
  keeps_alive_ = framing->keeps_alive;
  taken_ += *end;
  scanned_ = 0;
  left_ = framing->size;
  switch (framing->body) {
    case Framing::Body::kNone:
      return Finish(true);
    case Framing::Body::kSized:
      if (left_ > delivery::kMaxIndicatorBody) return Finish(false);
      state_ = State::kSizedBody;
      return true;
    case Framing::Body::kChunked:
      state_ = State::kChunkSize;
      return true;
    case Framing::Body::kUntilClose:
      state_ = State::kBodyUntilClose;
      return true;
  }
  return true;
}

bool ResponseReader::TakeSized(State next) {
  if (rest().size() < left_) return false;
  response_.body.append(rest().substr(0, left_));
  taken_ += left_;
  state_ = next;
  return true;
}

base::Expected<bool, std::string> ResponseReader::TakeChunkSize() {
  const auto line = TakeLine();
  if (LineBytes(line) > kMaxChunkLine + 1) {
    return NotHttp("a chunk's line is too long");
  }
  if (!line) return false;
  const auto size = ParseChunkSize(*line);
  if (!size) return NotHttp("a chunk's size is malformed");
  chunk_line_bytes_ += line->size();
  if (*size > delivery::kMaxIndicatorBody - response_.body.size() ||
      chunk_line_bytes_ > kMaxChunkLines) {
    return Finish(false);
  }
  left_ = *size;
  head_bytes_ = 0;
  state_ = *size == 0 ? State::kTrailers : State::kChunk;
  return true;
}

base::Expected<bool, std::string> ResponseReader::TakeTrailer() {
  const auto line = TakeLine();
  if (head_bytes_ + LineBytes(line) > kMaxHeadBytes + 1) {
    return NotHttp("its trailers are too large");
  }
  if (!line) return false;
  head_bytes_ += line->size() + 2;
  if (line->empty()) return Finish(true);
  return true;
}

// Of a line with its CR, which a part of one may have already: a bound on it must not depend on how
// the bytes arrive.
size_t ResponseReader::LineBytes(const std::optional<std::string_view>& line) const {
  return line ? line->size() + 1 : rest().size();
}

// Without its end.
std::optional<std::string_view> ResponseReader::TakeLine() {
  const size_t end = rest().find('\n', scanned_);
  if (end == std::string_view::npos) {
    scanned_ = rest().size();
    return std::nullopt;
  }
  std::string_view line = rest().substr(0, end);
  taken_ += end + 1;
  scanned_ = 0;
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// Not whole: the body is larger than what is judged, and the rest of it is left unread.
bool ResponseReader::Finish(bool whole) {
  state_ = State::kWhole;
  if (!whole) response_.body.clear();
  response_.reusable = whole && keeps_alive_;
  return true;
}

}  // namespace khs::http
