#include "rest/server_connection.h"

#include <array>
#include <utility>

namespace khs::rest {
namespace {

// A TLS record's, so that none is left over in OpenSSL, where no poll would see it.
constexpr size_t kReadBytes = 16u << 10;
// After so many steps the other connections have their turn.
constexpr int kMaxSteps = 64;

}  // namespace

ServerConnection::ServerConnection(Channel channel, bool from_loopback, const Limits& limits,
                                   const Gate& gate, const AnswerObserver& on_answer,
                                   base::MonotonicTime now)
    : limits_(&limits),
      gate_(&gate),
      on_answer_(&on_answer),
      channel_(std::move(channel)),
      reader_(limits),
      from_loopback_(from_loopback) {
  WaitFor(limits.request_time, now);
}

ServerConnection::Next ServerConnection::Advance(const base::Now& now) {
  for (int step = 0; step < kMaxSteps; ++step) {
    std::optional<Next> next;
    switch (phase_) {
      case Phase::kReading:
        next = Read(now);
        break;
      case Phase::kHandling:
        next = Next::kAnswer;
        break;
      case Phase::kWriting:
        next = Write(now.monotonic);
        break;
      case Phase::kLingering:
        next = Linger();
        break;
    }
    if (next) return *next;
  }
  return Next::kWrite;  // possible at once, or as soon as it makes sense to go on
}

std::optional<ServerConnection::Next> ServerConnection::Read(const base::Now& now) {
  using State = RequestReader::State;
  const bool was_idle = reader_.state() == State::kIdle;
  const State state = reader_.Advance();
  if (was_idle && state != State::kIdle) WaitFor(limits_->request_time, now.monotonic);
  switch (state) {
    case State::kIdle:
    case State::kHead:
    case State::kBody:
      return ReadMore(now);
    case State::kHeadRead:
      Admit(now);
      return std::nullopt;
    case State::kComplete:
      phase_ = Phase::kHandling;
      waiting_since_ = deadline_ = base::MonotonicTime::max();
      return Next::kAnswer;
    case State::kRejected:
      Refuse(reader_.rejection().status, reader_.rejection().reason, now);
      return std::nullopt;
  }
  return Next::kClose;
}

std::optional<ServerConnection::Next> ServerConnection::ReadMore(const base::Now& now) {
  std::array<char, kReadBytes> buffer;
  const Channel::Moved moved = channel_.Read(buffer.data(), buffer.size());
  switch (moved.outcome) {
    case Channel::Outcome::kMoved:
      reader_.Append({buffer.data(), moved.bytes});
      return std::nullopt;
    case Channel::Outcome::kNeedsRead:
      return Next::kRead;
    case Channel::Outcome::kNeedsWrite:
      return Next::kWrite;
    case Channel::Outcome::kPlainHttp:
      Refuse(400, "This port speaks HTTPS", now);
      return std::nullopt;
    case Channel::Outcome::kEnded:
      return Next::kClose;
  }
  return Next::kClose;
}

void ServerConnection::Admit(const base::Now& now) {
  RequestHead& head = reader_.head();
  head.request.from_loopback = from_loopback_;
  method_ = head.request.method;
  frame_ = {head.request.method == "HEAD", head.keep_alive, head.http_1_1};
  const bool has_body = head.has_body();
  const bool must_invite = head.expects_continue && has_body && !reader_.has_more();
  const auto refused = *gate_ ? (*gate_)(head.request, now.monotonic) : std::nullopt;
  // Whoever handles the request has no use for it, and might show it.
  if (*gate_) head.request.headers.erase("authorization");
  (void)reader_.Advance();  // to the body, or to the request's end
  if (refused) {
    // A body that nobody reads hides where the next request begins.
    if (!has_body) (void)reader_.TakeRequest();
    Send(*refused, !has_body, now);
  } else if (must_invite) {
    output_ = {"HTTP/1.1 100 Continue\r\n\r\n", 0, Output::Then::kSameRequest};
    phase_ = Phase::kWriting;
  }
}

Request ServerConnection::TakeRequest() {
  Request request = reader_.TakeRequest();
  handled_bytes_ = request.body.capacity();
  return request;
}

ServerConnection::Next ServerConnection::Answer(const Response& response, bool keep_alive,
                                                const base::Now& now) {
  handled_bytes_ = 0;
  Send(response, keep_alive, now);
  return Advance(now);
}

ServerConnection::Next ServerConnection::TimeOut(const base::Now& now) {
  if (phase_ != Phase::kReading || reader_.state() == RequestReader::State::kIdle) {
    return Next::kClose;
  }
  Refuse(408, "The request took too long", now);
  return Advance(now);
}

void ServerConnection::Refuse(int status, std::string_view detail, const base::Now& now) {
  Send(ErrorResponse(status, detail), false, now);
}

void ServerConnection::Send(const Response& response, bool keep_alive, const base::Now& now) {
  frame_.keep_alive = frame_.keep_alive && keep_alive;
  output_ = {RenderResponse(response, frame_, now.wall), 0,
             frame_.keep_alive ? Output::Then::kNextRequest : Output::Then::kClose};
  phase_ = Phase::kWriting;
  WaitFor(limits_->answer_time, now.monotonic);
  if (*on_answer_) (*on_answer_)(method_, response.status);
  method_.clear();
}

std::optional<ServerConnection::Next> ServerConnection::Write(base::MonotonicTime now) {
  const std::string_view left = std::string_view(output_.text).substr(output_.written);
  const Channel::Moved moved = channel_.Write(left);
  if (moved.outcome == Channel::Outcome::kNeedsRead) return Next::kRead;
  if (moved.outcome == Channel::Outcome::kNeedsWrite) return Next::kWrite;
  if (moved.outcome != Channel::Outcome::kMoved) return Next::kClose;
  output_.written += moved.bytes;
  if (output_.written < output_.text.size()) return std::nullopt;

  const Output::Then then = output_.then;
  output_ = {};
  phase_ = Phase::kReading;
  if (then == Output::Then::kNextRequest) {
    frame_ = {};
    WaitFor(limits_->idle_time, now);
  } else if (then == Output::Then::kClose) {
    channel_.Finish();
    phase_ = Phase::kLingering;
    WaitFor(limits_->linger_time, now);
  }
  return std::nullopt;
}

std::optional<ServerConnection::Next> ServerConnection::Linger() {
  const Channel::Moved moved = channel_.Discard();
  if (moved.outcome == Channel::Outcome::kMoved) return std::nullopt;
  return moved.outcome == Channel::Outcome::kNeedsRead ? Next::kRead : Next::kClose;
}

void ServerConnection::WaitFor(std::chrono::milliseconds time, base::MonotonicTime now) {
  waiting_since_ = now;
  deadline_ = now + time;
}

}  // namespace khs::rest
