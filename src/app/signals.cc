#include "app/signals.h"

#include <signal.h>
#include <unistd.h>

#include <utility>

#include "app/commands.h"

namespace khs::app {
namespace {

sigset_t OurSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&set, signal);
  return set;
}

}  // namespace

Signals::Signals() {
  const sigset_t set = OurSignals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // A connection that the peer closed is an error of the write, not the end of the process.
  ::signal(SIGPIPE, SIG_IGN);
}

Signals::~Signals() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  pthread_kill(thread_.native_handle(), SIGUSR1);
}

void Signals::Listen(std::function<void()> stop, std::function<void()> reload) {
  thread_ = std::jthread([stop = std::move(stop), reload = std::move(reload)](std::stop_token end) {
    const sigset_t set = OurSignals();
    bool stopping = false;
    while (!end.stop_requested()) {
      int signal = 0;
      if (sigwait(&set, &signal) != 0) continue;
      if (signal == SIGHUP) {
        reload();
      } else if (signal == SIGTERM || signal == SIGINT) {
        if (stopping) _exit(kExitFailed);
        stopping = true;
        stop();
      }
    }
  });
}

}  // namespace khs::app
