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

// Rounded up, so that a wait never ends before its time.
int TimeoutUntil(base::MonotonicTime time) {
  constexpr std::chrono::hours kLongest{1};
  const auto left = std::clamp<base::MonotonicTime::duration>(time - Now(), {}, kLongest);
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count());
}

}  // namespace

Watcher::Watcher(std::vector<std::filesystem::path> paths, Listener listener)
    : Watcher(std::move(paths), std::move(listener), Settings()) {}

Watcher::Watcher(std::vector<std::filesystem::path> paths, Listener listener, Settings settings)
    : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wake_) throw std::system_error(errno, std::generic_category(), "eventfd");
  // Here, and not by the thread: it watches before this returns.
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
    // Whatever ends it, interruptions and errors too: what is due is found out below.
    (void)::poll(wanted.data(), wanted.size(), TimeoutUntil(watch.NextStep()));
    eventfd_t count = 0;
    (void)::eventfd_read(wake_.get(), &count);  // EAGAIN: nobody woke it
    std::optional<std::vector<std::filesystem::path>> paths;
    {
      const std::lock_guard lock(mutex_);
      paths = std::exchange(queued_, std::nullopt);
    }
    try {
      if (paths) watch.Replace(std::move(*paths), Now());
      watch.Step(Now());
    } catch (const std::exception& error) {
      watch.GiveUp(error.what(), Now());
    }
  }
}

// Fails only when it was woken so often already that it could not be more so.
void Watcher::Wake() { (void)::eventfd_write(wake_.get(), 1); }

}  // namespace khs::watch
