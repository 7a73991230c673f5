#pragma once

#include <functional>
#include <mutex>
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

  // `stop` for the first SIGTERM or SIGINT; a second one ends the process at once with status 1.
  // Until what is returned ends, the functions are called; afterwards only a second SIGTERM counts.
  class Listening {
   public:
    explicit Listening(Signals& signals) : signals_(signals) {}
    ~Listening() { signals_.Forget(); }
    Listening(const Listening&) = delete;
    Listening& operator=(const Listening&) = delete;

   private:
    Signals& signals_;
  };
  [[nodiscard]] Listening Listen(std::function<void()> stop, std::function<void()> reload);

 private:
  void Forget();
  void Handle(int signal);

  std::mutex mutex_;  // guards the functions
  std::function<void()> stop_;
  std::function<void()> reload_;
  bool stopping_ = false;  // the thread's own
  std::jthread thread_;    // last: it uses all of the above
};

}  // namespace khs::app
