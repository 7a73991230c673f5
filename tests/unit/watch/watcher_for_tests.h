#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "unit/watch/directory_for_tests.h"
#include "watch/snapshot.h"
#include "watch/watcher.h"

namespace khs::watch {

using Activity = Watcher::Activity;
using Mode = Watcher::Mode;

inline constexpr std::chrono::seconds kPatience{20};
// Disables polling, so that only events cause a look.
inline constexpr Watcher::Settings kOnlyEvents{.poll_interval = std::chrono::hours(1),
                                               .retry_interval = std::chrono::hours(1)};

// A listener that records the watcher's calls and what each look saw.
class RecordingListener {
 public:
  using Look = std::function<std::string()>;

  explicit RecordingListener(Look look) : look_(std::move(look)) {}

  Watcher::Listener Listener() {
    return {[this](Activity activity) {
              std::string seen = look_();
              Record([&] {
                changes_.push_back(activity);
                seen_ = std::move(seen);
              });
            },
            [this](Mode mode) { Record([&] { modes_.push_back(mode); }); },
            [this](const std::string& error) { Record([&] { errors_.push_back(error); }); }};
  }

  // Waits until the last look saw `state`.
  testing::AssertionResult Sees(const std::string& state) {
    std::unique_lock lock(mutex_);
    if (recorded_.wait_for(lock, kPatience, [&] { return seen_ == state; })) {
      return testing::AssertionSuccess();
    }
    return testing::AssertionFailure() << "saw `" << seen_ << "` and not `" << state << "`";
  }
  testing::AssertionResult HasChanges(size_t count) {
    return Waits([&] { return changes_.size() >= count; });
  }
  testing::AssertionResult HasMode(Mode mode) {
    return Waits([&] { return !modes_.empty() && modes_.back() == mode; });
  }
  testing::AssertionResult EndsWith(Activity activity) {
    return Waits([&] { return !changes_.empty() && changes_.back() == activity; });
  }

  std::vector<Activity> changes() const { return Copy(changes_); }
  std::vector<Mode> modes() const { return Copy(modes_); }
  std::vector<std::string> errors() const { return Copy(errors_); }

  // Blocks the listener until the lock is released.
  std::unique_lock<std::mutex> Block() { return std::unique_lock(mutex_); }

 private:
  template <class Note>
  void Record(Note note) {
    const std::lock_guard lock(mutex_);
    note();
    recorded_.notify_all();
  }
  template <class Condition>
  testing::AssertionResult Waits(Condition condition) {
    std::unique_lock lock(mutex_);
    return recorded_.wait_for(lock, kPatience, condition)
               ? testing::AssertionSuccess()
               : testing::AssertionFailure() << "not called";
  }
  template <class T>
  T Copy(const T& value) const {
    const std::lock_guard lock(mutex_);
    return value;
  }

  const Look look_;
  mutable std::mutex mutex_;
  std::condition_variable recorded_;
  std::string seen_ = "nothing yet";
  std::vector<Activity> changes_;
  std::vector<Mode> modes_;
  std::vector<std::string> errors_;
};

// Returns `a=1 b=2` for the definitions in a directory; `none` if it cannot be read.
inline std::string Show(const fs::path& directory) {
  const Snapshot snapshot = ReadDirectory(directory);
  if (!snapshot.error.empty()) return "none";
  std::string text;
  for (const DefinitionFile& file : snapshot.files) {
    if (!text.empty()) text += ' ';
    text += file.stem + "=" + (file.error.empty() ? file.content : "?");
  }
  return text;
}

class WatcherTest : public testing::Test {
 protected:
  WatcherTest() {
    fs::create_directory(directory_);
    fs::create_directory(outside_);
  }

  void Watch(std::vector<fs::path> paths, Watcher::Settings settings = kOnlyEvents) {
    watcher_ = std::make_unique<Watcher>(std::move(paths), listener_.Listener(), settings);
  }
  void Watch() {
    Watch({watched_});
    ASSERT_THAT(listener_.modes(), testing::ElementsAre(Mode::kInotify));
  }
  // Creates a file to be moved by the test.
  fs::path Make(const std::string& content) {
    const fs::path path = outside_ / std::to_string(++made_);
    WriteFile(path, content);
    return path;
  }

  DirectoryForTests root_;
  const fs::path directory_ = root_ / "watched";
  const fs::path outside_ = root_ / "outside";
  fs::path watched_ = directory_;  // the watched path; a test may change it before Watch
  int made_ = 0;
  RecordingListener listener_{[this] { return Show(watched_); }};
  std::unique_ptr<Watcher> watcher_;  // last, because it calls listener_
};

}  // namespace khs::watch
