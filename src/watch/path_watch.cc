#include "watch/path_watch.h"

#include <algorithm>
#include <utility>

namespace khs::watch {
namespace {

using Activity = Watcher::Activity;
using Mode = Watcher::Mode;

// While paths keep leading elsewhere as they are watched.
constexpr std::chrono::milliseconds kRestlessInterval{50};

}  // namespace

PathWatch::PathWatch(std::vector<std::filesystem::path> paths, Watcher::Listener listener,
                     Watcher::Settings settings, base::MonotonicTime now)
    : listener_(std::move(listener)), settings_(settings), paths_(std::move(paths)) {
  Start(now);
}

void PathWatch::Replace(std::vector<std::filesystem::path> paths, base::MonotonicTime now) {
  paths_ = std::move(paths);
  if (inotify_) {
    if (auto armed = Arm(now); !armed) Poll(std::move(armed.error()), now);
  } else {
    Start(now);
  }
  TellChanged(now);
}

void PathWatch::Step(base::MonotonicTime now) {
  if (inotify_) {
    StepWithInotify(now);
  } else {
    StepByPolling(now);
  }
}

base::MonotonicTime PathWatch::NextStep() const {
  return inotify_ ? next_arm_ : std::min(next_arm_, next_look_);
}

void PathWatch::GiveUp(const std::string& why, base::MonotonicTime now) { Poll({why}, now); }

void PathWatch::StepWithInotify(base::MonotonicTime now) {
  Consequence consequence = inotify_->Read(now);
  if (consequence.rearm || now >= next_arm_) {
    auto armed = Arm(now);
    if (!armed) {
      Poll(std::move(armed.error()), now);
      TellChanged(now);
      return;
    }
    consequence.look = consequence.look || armed->is_changed;
  }
  if (consequence.look) TellChanged(now);
}

void PathWatch::StepByPolling(base::MonotonicTime now) {
  const bool is_started = now >= next_arm_ && Start(now);
  if (!is_started && now < next_look_) return;
  next_look_ = now + settings_.poll_interval;
  TellChanged(now);
}

// Uses inotify if that is possible, from scratch.
bool PathWatch::Start(base::MonotonicTime now) {
  auto inotify = Inotify::Open();
  if (!inotify) {
    Poll(std::move(inotify.error()), now);
    return false;
  }
  inotify_ = std::move(*inotify);
  if (auto armed = Arm(now); !armed) {
    Poll(std::move(armed.error()), now);
    return false;
  }
  troubles_.clear();
  SetMode(Mode::kInotify);
  return true;
}

base::Expected<Inotify::Armed, Inotify::Troubles> PathWatch::Arm(base::MonotonicTime now) {
  auto armed = inotify_->Arm(paths_);
  const bool is_restless = armed && !armed->is_complete;
  next_arm_ = now + (is_restless ? kRestlessInterval : settings_.retry_interval);
  return armed;
}

void PathWatch::Poll(Inotify::Troubles troubles, base::MonotonicTime now) {
  if (mode_ != Mode::kPoll) next_look_ = now + settings_.poll_interval;
  inotify_.reset();
  next_arm_ = now + settings_.retry_interval;
  const Inotify::Troubles told = std::exchange(troubles_, std::move(troubles));
  for (const std::string& trouble : troubles_) {
    if (std::find(told.begin(), told.end(), trouble) == told.end()) listener_.error(trouble);
  }
  SetMode(Mode::kPoll);
}

void PathWatch::TellChanged(base::MonotonicTime now) {
  const bool is_written = inotify_ && inotify_->IsWritten(now);
  listener_.changed(is_written ? Activity::kWriting : Activity::kQuiet);
}

void PathWatch::SetMode(Mode mode) {
  if (std::exchange(mode_, mode) != mode) listener_.mode(mode);
}

}  // namespace khs::watch
