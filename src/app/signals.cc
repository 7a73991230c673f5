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

Signals::Listening Signals::Listen(std::function<void()> stop, std::function<void()> reload) {
  {
    const std::lock_guard lock(mutex_);
    stop_ = std::move(stop);
    reload_ = std::move(reload);
  }
  thread_ = std::jthread([this](std::stop_token end) {
    const sigset_t set = OurSignals();
    while (!end.stop_requested()) {
      int signal = 0;
      if (sigwait(&set, &signal) == 0) Handle(signal);
    }
  });
  return Listening(*this);
}

void Signals::Forget() {
  const std::lock_guard lock(mutex_);
  stop_ = nullptr;
  reload_ = nullptr;
}

void Signals::Handle(int signal) {
  const bool stop = signal == SIGTERM || signal == SIGINT;
  if (stop && stopping_) _exit(kExitFailed);
  stopping_ = stopping_ || stop;
  const std::lock_guard lock(mutex_);
  if (stop && stop_) stop_();
  if (signal == SIGHUP && reload_) reload_();
}

}  // namespace khs::app
