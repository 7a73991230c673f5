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

// Tells when what some paths lead to may have changed, by inotify, or else by looking again and
// again. A path is a directory of which every name matters, or a single file. It may not exist yet,
// be a link, be removed and made anew, or be replaced, and its parents likewise.
//
// A thread of its own calls the listener, which must only enqueue.
class Watcher {
 public:
  enum class Mode { kInotify, kPoll };
  // kWriting: somebody has begun to write a file and has not closed it yet. Not told of a writer
  // that is silent for longer than kWriterSilence.
  enum class Activity { kQuiet, kWriting };

  struct Listener {
    // Look again.
    std::function<void(Activity)> changed;
    // At the start, before the constructor returns, and whenever it changes.
    std::function<void(Mode)> mode;
    // Once for each trouble, until it has been overcome.
    std::function<void(const std::string& error)> error;
  };

  struct Settings {
    std::chrono::milliseconds poll_interval{1000};
    // How long after inotify failed it is tried again; and how often what is watched is verified,
    // because a file system that is mounted over a directory makes no event.
    std::chrono::milliseconds retry_interval{30'000};
  };

  // Whoever reads the paths after it returns misses nothing. Throws std::system_error when there is
  // no descriptor or thread to be had.
  Watcher(std::vector<std::filesystem::path> paths, Listener listener, Settings settings);
  Watcher(std::vector<std::filesystem::path> paths, Listener listener);
  ~Watcher();  // stops and joins
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  // Replaces the paths. Any thread. `changed` is called once the new ones are watched.
  void Watch(std::vector<std::filesystem::path> paths);

 private:
  void Run(const std::stop_token& stop, PathWatch& watch);
  void Wake();

  base::UniqueFd wake_;
  std::mutex mutex_;
  std::optional<std::vector<std::filesystem::path>> queued_;  // behind the mutex
  std::jthread thread_;                                       // last: it uses all the others
};

}  // namespace khs::watch
