#pragma once

#include <functional>
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
  void Listen(std::function<void()> stop, std::function<void()> reload);

 private:
  std::jthread thread_;
};

}  // namespace khs::app
