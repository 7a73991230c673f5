#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "watch/inotify.h"
#include "watch/watcher.h"

namespace khs::watch {

// What a Watcher does, without its thread: inotify while that works, polling while it does not, and
// when to try again. One thread at a time; it is told the time.
class PathWatch {
 public:
  PathWatch(std::vector<std::filesystem::path> paths, Watcher::Listener listener,
            Watcher::Settings settings, base::MonotonicTime now);

  void Replace(std::vector<std::filesystem::path> paths, base::MonotonicTime now);

  // Does whatever is due.
  void Step(base::MonotonicTime now);

  // A Step is due when this is readable; -1 when there is none.
  int descriptor() const { return inotify_ ? inotify_->descriptor() : -1; }
  // And at this time.
  base::MonotonicTime NextStep() const;

  // Something unforeseen: polls, and tries inotify again later.
  void GiveUp(const std::string& why, base::MonotonicTime now);

 private:
  void StepWithInotify(base::MonotonicTime now);
  void StepByPolling(base::MonotonicTime now);
  bool Start(base::MonotonicTime now);
  base::Expected<Inotify::Armed, Inotify::Troubles> Arm(base::MonotonicTime now);
  void Poll(Inotify::Troubles troubles, base::MonotonicTime now);
  void TellChanged(base::MonotonicTime now);
  void SetMode(Watcher::Mode mode);

  const Watcher::Listener listener_;
  const Watcher::Settings settings_;
  std::vector<std::filesystem::path> paths_;
  std::optional<Inotify> inotify_;     // absent: polling
  std::optional<Watcher::Mode> mode_;  // as it was told
  Inotify::Troubles troubles_;         // as they were told
  base::MonotonicTime next_arm_;       // or attempt to use inotify
  base::MonotonicTime next_look_;      // while polling
};

}  // namespace khs::watch
