#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "watch/inotify.h"
#include "watch/watcher.h"

namespace khs::watch {

// The logic of a Watcher without its thread: uses inotify while that works, polls otherwise, and
// retries inotify. Takes the time as an argument. Owned by the watcher's thread; not thread-safe.
class PathWatch {
 public:
  PathWatch(std::vector<std::filesystem::path> paths, Watcher::Listener listener,
            Watcher::Settings settings, base::MonotonicTime now);

  void Replace(std::vector<std::filesystem::path> paths, base::MonotonicTime now);

  // Handles events and timers that are due.
  void Step(base::MonotonicTime now);

  // A Step is due when this is readable; -1 while polling.
  int descriptor() const { return inotify_ ? inotify_->descriptor() : -1; }
  // A Step is also due at this time.
  base::MonotonicTime NextStep() const;

  // Polls after an unexpected error, and retries inotify later.
  void FallBackToPolling(const std::string& why, base::MonotonicTime now);

 private:
  void StepWithInotify(base::MonotonicTime now);
  void StepByPolling(base::MonotonicTime now);
  bool StartInotify(base::MonotonicTime now);
  base::Expected<Inotify::ArmResult, Inotify::Errors> Arm(base::MonotonicTime now);
  void StartPolling(Inotify::Errors errors, base::MonotonicTime now);
  void ReportChange(base::MonotonicTime now);
  void SetMode(Watcher::Mode mode);

  const Watcher::Listener listener_;
  const Watcher::Settings settings_;
  std::vector<std::filesystem::path> paths_;
  std::optional<Inotify> inotify_;     // absent while polling
  std::optional<Watcher::Mode> mode_;  // as reported
  Inotify::Errors errors_;             // as reported
  base::MonotonicTime next_arm_;       // or the next attempt to use inotify
  base::MonotonicTime next_poll_;
};

}  // namespace khs::watch
