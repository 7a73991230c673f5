#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "rest/channel.h"
#include "rest/gate.h"
#include "rest/limits.h"
#include "rest/message.h"
#include "rest/request_reader.h"
#include "rest/response_text.h"

namespace khs::rest {

// One caller: reads a request, has it admitted, gives it away to be handled, writes the answer, and
// begins again. Whoever owns it waits for its socket and its deadline. One thread.
class ServerConnection {
 public:
  // What it goes on with.
  enum class Next {
    kRead,
    kWrite,
    kAnswer,  // to the request that TakeRequest returns
    kClose,   // nothing: it has ended
  };

  // Limits, gate and observer must outlive it.
  ServerConnection(Channel channel, bool from_loopback, const Limits& limits, const Gate& gate,
                   const AnswerObserver& on_answer, base::MonotonicTime now);

  // What the socket allows now.
  Next Advance(const base::Now& now);
  Request TakeRequest();
  Next Answer(const Response& response, bool keep_alive, const base::Now& now);
  // Its deadline has passed.
  Next TimeOut(const base::Now& now);

  int descriptor() const { return channel_.descriptor(); }
  base::MonotonicTime deadline() const { return deadline_; }
  // Since when the server has been waiting for the caller; never (max) while the caller waits for
  // the server.
  base::MonotonicTime waiting_since() const { return waiting_since_; }
  bool is_writing() const { return phase_ == Phase::kWriting; }
  size_t held_bytes() const {
    return reader_.held_bytes() + output_.text.capacity() + handled_bytes_;
  }

 private:
  enum class Phase { kReading, kHandling, kWriting, kLingering };

  struct Output {
    enum class Then { kNextRequest, kSameRequest, kClose };

    std::string text;
    size_t written = 0;
    Then then = Then::kNextRequest;
  };

  // Each does a step of its phase: nothing when another step can follow at once.
  std::optional<Next> Read(const base::Now& now);
  std::optional<Next> ReadMore(const base::Now& now);
  std::optional<Next> Write(base::MonotonicTime now);
  std::optional<Next> Linger();

  void Admit(const base::Now& now);
  void Send(const Response& response, bool keep_alive, const base::Now& now);
  void Refuse(int status, std::string_view detail, const base::Now& now);
  void WaitFor(std::chrono::milliseconds time, base::MonotonicTime now);

  const Limits* limits_;
  const Gate* gate_;
  const AnswerObserver* on_answer_;
  Channel channel_;
  RequestReader reader_;
  bool from_loopback_;
  Phase phase_ = Phase::kReading;
  Output output_;
  AnswerFrame frame_;         // of the request's answer
  std::string method_;        // of the request that is to be answered
  size_t handled_bytes_ = 0;  // of the request that is being handled
  base::MonotonicTime waiting_since_;
  base::MonotonicTime deadline_;
};

}  // namespace khs::rest
