#include "watch/watcher.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <memory>
#include <system_error>
#include <utility>

#include "watch/path_watch.h"

namespace khs::watch {
namespace {

base::MonotonicTime Now() { return std::chrono::steady_clock::now(); }

// Returns poll's timeout, rounded up so that a wait never ends early.
int TimeoutUntil(base::MonotonicTime time) {
  constexpr std::chrono::hours kMaxTimeout{1};
  const auto left = std::clamp<base::MonotonicTime::duration>(time - Now(), {}, kMaxTimeout);
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count());
}

}  // namespace

Watcher::Watcher(std::vector<std::filesystem::path> paths, Listener listener)
    : Watcher(std::move(paths), std::move(listener), Settings()) {}

Watcher::Watcher(std::vector<std::filesystem::path> paths, Listener listener, Settings settings)
    : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wake_) throw std::system_error(errno, std::generic_category(), "eventfd");
  // Constructed here rather than on the thread, so that the paths are watched before this returns.
  auto watch = std::make_unique<PathWatch>(std::move(paths), std::move(listener), settings, Now());
  thread_ = std::jthread(
      [this, watch = std::move(watch)](const std::stop_token& stop) { Run(stop, *watch); });
}

Watcher::~Watcher() {
  thread_.request_stop();
  Wake();
}

void Watcher::Watch(std::vector<std::filesystem::path> paths) {
  {
    const std::lock_guard lock(mutex_);
    queued_ = std::move(paths);
  }
  Wake();
}

void Watcher::Run(const std::stop_token& stop, PathWatch& watch) {
  while (!stop.stop_requested()) {
    std::array<pollfd, 2> wanted{pollfd{wake_.get(), POLLIN, 0},
                                 pollfd{watch.descriptor(), POLLIN, 0}};
    // Ignores the result: the code below finds out what is due, also after an interruption.
    (void)::poll(wanted.data(), wanted.size(), TimeoutUntil(watch.NextStep()));
    eventfd_t count = 0;
    (void)::eventfd_read(wake_.get(), &count);  // EAGAIN: not woken
    std::optional<std::vector<std::filesystem::path>> paths;
    {
      const std::lock_guard lock(mutex_);
      paths = std::exchange(queued_, std::nullopt);
    }
    try {
      if (paths) watch.Replace(std::move(*paths), Now());
      watch.Step(Now());
    } catch (const std::exception& error) {
      watch.FallBackToPolling(error.what(), Now());
    }
  }
}

// A write fails only when the counter is full, and then the thread wakes up anyway.
void Watcher::Wake() { (void)::eventfd_write(wake_.get(), 1); }

}  // namespace khs::watch
