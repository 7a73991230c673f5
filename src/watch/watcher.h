#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"

namespace khs::watch {

class PathWatch;

// Reports that the targets of some paths may have changed, by inotify, or by polling where inotify
// cannot be used. A path is a directory of definitions or a single file. It and its parents may not
// exist yet, be links, or be removed and recreated.
//
// Owned by the reconciler. Calls the listener on its own thread. The listener must only enqueue.
class Watcher {
 public:
  enum class Mode { kInotify, kPoll };
  // kWriting: a file was modified and is not closed yet, and its last write is not older than
  // kWriterSilence.
  enum class Activity { kQuiet, kWriting };

  struct Listener {
    // The paths must be read again.
    std::function<void(Activity)> changed;
    // Called before the constructor returns, and whenever the mode changes.
    std::function<void(Mode)> mode;
    // Called once for each error, until inotify works again.
    std::function<void(const std::string& error)> error;
  };

  struct Settings {
    std::chrono::milliseconds poll_interval{1000};
    // How long after a failure inotify is retried, and how often the watches are verified, because
    // a mount over a directory causes no event.
    std::chrono::milliseconds retry_interval{30'000};
  };

  // A reader who reads the paths after the constructor returned misses no change. Throws
  // std::system_error when the process is out of descriptors or threads.
  Watcher(std::vector<std::filesystem::path> paths, Listener listener, Settings settings);
  Watcher(std::vector<std::filesystem::path> paths, Listener listener);
  ~Watcher();  // stops and joins
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  // Replaces the paths. Thread-safe. `changed` is called once the new ones are watched.
  void Watch(std::vector<std::filesystem::path> paths);

 private:
  void Run(const std::stop_token& stop, PathWatch& watch);
  void Wake();

  base::UniqueFd wake_;
  std::mutex mutex_;
  std::optional<std::vector<std::filesystem::path>> queued_;  // guarded by mutex_
  std::jthread thread_;                                       // last, because it uses all others
};

}  // namespace khs::watch
