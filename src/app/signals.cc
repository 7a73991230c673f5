#include "app/signals.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "app/commands.h"
#include "base/log.h"

namespace khs::app {
namespace {

using Clock = std::chrono::steady_clock;

const base::Logger& Log() {
  static const base::Logger logger("app");
  return logger;
}

sigset_t OurSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&set, signal);
  return set;
}

// Returns 0 when something else woke the thread. Exits the process at the deadline.
int NextSignal(const std::optional<Clock::time_point>& deadline) {
  const sigset_t set = OurSignals();
  int signal = 0;
  if (!deadline) return sigwait(&set, &signal) == 0 ? signal : 0;
  const auto left = *deadline - Clock::now();
  if (left <= Clock::duration::zero()) {
    ::alarm(1);  // in case the log hangs
    Log().Fatal("shutdown timed out, exiting; records that were not committed will be repeated");
    ::alarm(0);
    _exit(kExitFailed);
  }
  const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
  const timespec wait{seconds.count(), std::chrono::nanoseconds(left - seconds).count()};
  signal = sigtimedwait(&set, nullptr, &wait);
  return std::max(signal, 0);
}

}  // namespace

Signals::Signals() {
  const sigset_t set = OurSignals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // A write to a closed connection must fail and not end the process.
  ::signal(SIGPIPE, SIG_IGN);
}

Signals::~Signals() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  pthread_kill(thread_.native_handle(), SIGUSR1);
}

Signals::Listening Signals::Listen(std::function<void()> stop, std::function<void()> reload,
                                   std::chrono::milliseconds timeout) {
  {
    const std::lock_guard lock(mutex_);
    stop_ = std::move(stop);
    reload_ = std::move(reload);
  }
  thread_ = std::jthread([this, timeout](std::stop_token end) {
    while (!end.stop_requested()) {
      const int signal = NextSignal(deadline_);
      if (signal > 0) Handle(signal, timeout);
    }
  });
  return Listening(*this);
}

void Signals::Forget() {
  const std::lock_guard lock(mutex_);
  stop_ = nullptr;
  reload_ = nullptr;
}

void Signals::Handle(int signal, std::chrono::milliseconds timeout) {
  const bool stop = signal == SIGTERM || signal == SIGINT;
  if (stop && deadline_) _exit(kExitFailed);
  if (stop) deadline_ = Clock::now() + timeout;
  const std::lock_guard lock(mutex_);
  if (stop && stop_) stop_();
  if (signal == SIGHUP && reload_) reload_();
}

}  // namespace khs::app
