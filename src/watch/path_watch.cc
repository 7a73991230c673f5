#include "watch/path_watch.h"

#include <algorithm>
#include <utility>

namespace khs::watch {
namespace {

using Activity = Watcher::Activity;
using Mode = Watcher::Mode;

// The retry interval while paths keep changing as they are watched.
constexpr std::chrono::milliseconds kUnstableInterval{50};

}  // namespace

PathWatch::PathWatch(std::vector<std::filesystem::path> paths, Watcher::Listener listener,
                     Watcher::Settings settings, base::MonotonicTime now)
    : listener_(std::move(listener)), settings_(settings), paths_(std::move(paths)) {
  StartInotify(now);
}

void PathWatch::Replace(std::vector<std::filesystem::path> paths, base::MonotonicTime now) {
  paths_ = std::move(paths);
  if (inotify_) {
    if (auto armed = Arm(now); !armed) StartPolling(std::move(armed.error()), now);
  } else {
    StartInotify(now);
  }
  ReportChange(now);
}

void PathWatch::Step(base::MonotonicTime now) {
  if (inotify_) {
    StepWithInotify(now);
  } else {
    StepByPolling(now);
  }
}

base::MonotonicTime PathWatch::NextStep() const {
  return inotify_ ? next_arm_ : std::min(next_arm_, next_poll_);
}

void PathWatch::FallBackToPolling(const std::string& why, base::MonotonicTime now) {
  StartPolling({why}, now);
}

void PathWatch::StepWithInotify(base::MonotonicTime now) {
  RequiredActions actions = inotify_->Read(now);
  if (actions.rearm || now >= next_arm_) {
    auto armed = Arm(now);
    if (!armed) {
      StartPolling(std::move(armed.error()), now);
      ReportChange(now);
      return;
    }
    actions.look = actions.look || armed->is_changed;
  }
  if (actions.look) ReportChange(now);
}

void PathWatch::StepByPolling(base::MonotonicTime now) {
  const bool is_started = now >= next_arm_ && StartInotify(now);
  if (!is_started && now < next_poll_) return;
  next_poll_ = now + settings_.poll_interval;
  ReportChange(now);
}

// Replaces polling by a new inotify instance if that is possible.
bool PathWatch::StartInotify(base::MonotonicTime now) {
  auto inotify = Inotify::Open();
  if (!inotify) {
    StartPolling(std::move(inotify.error()), now);
    return false;
  }
  inotify_ = std::move(*inotify);
  if (auto armed = Arm(now); !armed) {
    StartPolling(std::move(armed.error()), now);
    return false;
  }
  errors_.clear();
  SetMode(Mode::kInotify);
  return true;
}

base::Expected<Inotify::ArmResult, Inotify::Errors> PathWatch::Arm(base::MonotonicTime now) {
  auto armed = inotify_->Arm(paths_);
  const bool is_unstable = armed && !armed->is_complete;
  next_arm_ = now + (is_unstable ? kUnstableInterval : settings_.retry_interval);
  return armed;
}

void PathWatch::StartPolling(Inotify::Errors errors, base::MonotonicTime now) {
  if (mode_ != Mode::kPoll) next_poll_ = now + settings_.poll_interval;
  inotify_.reset();
  next_arm_ = now + settings_.retry_interval;
  const Inotify::Errors reported = std::exchange(errors_, std::move(errors));
  for (const std::string& error : errors_) {
    if (std::find(reported.begin(), reported.end(), error) == reported.end()) {
      listener_.error(error);
    }
  }
  SetMode(Mode::kPoll);
}

void PathWatch::ReportChange(base::MonotonicTime now) {
  const bool is_written = inotify_ && inotify_->IsWritten(now);
  listener_.changed(is_written ? Activity::kWriting : Activity::kQuiet);
}

void PathWatch::SetMode(Mode mode) {
  if (std::exchange(mode_, mode) != mode) listener_.mode(mode);
}

}  // namespace khs::watch
