#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "watch/events.h"
#include "watch/watched_places.h"

namespace khs::watch {

// An inotify instance that watches the directories of some paths. Owned by PathWatch; not
// thread-safe.
class Inotify {
 public:
  // Why inotify cannot be used, without duplicates.
  using Errors = std::vector<std::string>;

  struct ArmResult {
    bool is_complete;  // false: paths kept changing, so arm again soon
    bool is_changed;   // the set of watched directories changed
  };

  static base::Expected<Inotify, Errors> Open();

  // Watches the directories of the paths and no others. A reader who reads the paths afterwards
  // misses no change. After an error this object can only be destroyed.
  base::Expected<ArmResult, Errors> Arm(const std::vector<std::filesystem::path>& paths);

  // Reads pending events, up to a limit, without blocking and returns what they require.
  RequiredActions Read(base::MonotonicTime now);

  // Returns whether a watched file is being written.
  bool IsWritten(base::MonotonicTime now) { return open_files_.HasAny(now); }

  // Readable when events are pending.
  int descriptor() const { return descriptor_.get(); }

 private:
  struct Watched {
    std::string directory;
    Interest interest;
    bool operator==(const Watched&) const = default;
  };
  using WatchedByNumber = std::map<int, Watched>;

  explicit Inotify(base::UniqueFd descriptor);

  struct Added {
    WatchedByNumber watched;
    bool is_anything_missing = false;
    Errors errors;
  };
  Added AddAll(const WatchedPlaces& places) const;
  void ReplaceWatches(WatchedByNumber watched);
  RequiredActions HandleEvent(Event event, base::MonotonicTime now);

  static constexpr size_t kBufferBytes = 64 << 10;

  base::UniqueFd descriptor_;
  WatchedByNumber watched_;
  OpenFiles open_files_;
  std::unique_ptr<char[]> buffer_;
};

}  // namespace khs::watch
