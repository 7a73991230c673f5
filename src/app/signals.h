#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

namespace khs::app {

// Handles SIGTERM, SIGINT and SIGHUP on a thread of its own. Owned by a command. Create it before
// any other thread, since it blocks these signals for later threads.
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // Calls `stop` on the first SIGTERM or SIGINT, and `reload` on SIGHUP, while the returned object
  // exists. A second SIGTERM or SIGINT exits the process at once with status 1, and so does
  // `timeout` after the first, wherever the process hangs.
  class Listening {
   public:
    explicit Listening(Signals& signals) : signals_(signals) {}
    ~Listening() { signals_.Forget(); }
    Listening(const Listening&) = delete;
    Listening& operator=(const Listening&) = delete;

   private:
    Signals& signals_;
  };
  [[nodiscard]] Listening Listen(std::function<void()> stop, std::function<void()> reload,
                                 std::chrono::milliseconds timeout);

 private:
  void Forget();
  void Handle(int signal, std::chrono::milliseconds timeout);

  std::mutex mutex_;  // guards the functions
  std::function<void()> stop_;
  std::function<void()> reload_;
  // When the process must have exited. Used by the thread only.
  std::optional<std::chrono::steady_clock::time_point> deadline_;
  std::jthread thread_;  // last: it uses the members above
};

}  // namespace khs::app
