#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

namespace khs::app {

// Delivers SIGTERM, SIGINT and SIGHUP to functions, on a thread of its own. Made before any other
// thread, since it blocks these signals for the threads that come after it.
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // `stop` for the first SIGTERM or SIGINT; a second one ends the process at once with status 1,
  // and so does the end of `bound` after the first, whatever the process is stuck in. Until what is
  // returned ends, the functions are called; afterwards only a second SIGTERM counts.
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
                                 std::chrono::milliseconds bound);

 private:
  void Forget();
  void Handle(int signal, std::chrono::milliseconds bound);

  std::mutex mutex_;  // guards the functions
  std::function<void()> stop_;
  std::function<void()> reload_;
  // When the process has to have ended, since it was told to. The thread's own.
  std::optional<std::chrono::steady_clock::time_point> deadline_;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace khs::app
