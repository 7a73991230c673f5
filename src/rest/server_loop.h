#pragma once

#include <openssl/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "http/poller.h"
#include "rest/gate.h"
#include "rest/handler_pool.h"
#include "rest/limits.h"
#include "rest/listen_socket.h"
#include "rest/server_connection.h"

namespace khs::rest {

// All sockets of a listener, on one thread: none of them can make another one wait, and a caller
// costs a thread only while its request is being handled.
class ServerLoop {
 public:
  struct Terms {
    Limits limits;
    Gate gate;                                         // may be null
    AnswerObserver on_answer;                          // may be null
    std::function<SSL_CTX*(base::MonotonicTime)> tls;  // for a new connection; null: plain
    // Takes a complete request. Its answer comes by PostAnswer.
    std::function<void(HandlerPool::CallerId, Request)> handle;
  };

  // `listener` does not block. Throws std::system_error.
  ServerLoop(base::UniqueFd listener, Terms terms);
  ~ServerLoop();  // ends what is left
  ServerLoop(const ServerLoop&) = delete;
  ServerLoop& operator=(const ServerLoop&) = delete;

  // Once. From here on `handle` is called.
  void Start();

  // Any thread.
  void PostAnswer(HandlerPool::CallerId caller, Response answer);
  // Accepts and reads no more; what is being handled may still be answered.
  void Close();
  // Answers that are there are written, for a bounded time; then the thread ends.
  void End();

 private:
  enum class Stage { kOpen, kClosed, kEnding };
  struct Entry {
    ServerConnection connection;
    uint32_t watched = 0;  // events; 0: not at all
  };
  static constexpr HandlerPool::CallerId kNobody = 0;
  using Entries = std::map<HandlerPool::CallerId, Entry>;
  struct Mailbox {
    Stage stage = Stage::kOpen;
    std::vector<std::pair<HandlerPool::CallerId, Response>> answers = {};
  };

  void Run();
  void Serve(const base::Now& now, base::MonotonicTime until);
  void SetStage(Stage stage);
  Mailbox TakeMail();

  void AcceptAll(const base::Now& now);
  void Accept(Accepted accepted, const base::Now& now);
  void StopAccepting();
  // Of those that hold so much. False when all of them wait for the server.
  bool CloseLongestWaiting(size_t least_held_bytes = 0, HandlerPool::CallerId spared = kNobody);
  void KeepToBounds();
  void Expire(const base::Now& now);
  base::MonotonicTime NextDeadline() const;
  bool IsWriting() const;

  // Lets a connection do a step, and then wait for what it goes on with, or end.
  void Drive(Entries::iterator entry,
             const std::function<ServerConnection::Next(ServerConnection&)>& step);
  void Follow(Entries::iterator entry, ServerConnection::Next next);

  const Terms terms_;
  const base::SystemClock clock_;
  base::UniqueFd listener_;
  std::optional<base::MonotonicTime> accept_again_;  // set while nobody is accepted
  base::UniqueFd epoll_;
  http::WakeEvent wake_;
  Entries entries_;
  HandlerPool::CallerId last_id_;

  std::mutex mutex_;  // of the mailbox
  Mailbox mailbox_;

  std::jthread thread_;  // last: it uses the rest
};

}  // namespace khs::rest
