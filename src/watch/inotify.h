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

// An instance of inotify that watches the places of some paths. One thread at a time.
class Inotify {
 public:
  // Why it can't be used; each once.
  using Troubles = std::vector<std::string>;

  struct Armed {
    bool is_complete;  // false: paths kept leading elsewhere meanwhile, so arm again soon
    bool is_changed;   // other directories are watched than before
  };

  static base::Expected<Inotify, Troubles> Open();

  // Watches the places of the paths and no others. Whoever reads what they lead to afterwards
  // misses nothing. After an error this object can only be destroyed.
  base::Expected<Armed, Troubles> Arm(const std::vector<std::filesystem::path>& paths);

  // What the events so far amount to; never blocks. Where many come the rest is left for the next
  // call.
  Consequence Read(base::MonotonicTime now);

  // Whether a file that matters is being written.
  bool IsWritten(base::MonotonicTime now) { return open_files_.AnyAt(now); }

  // Readable when there are events.
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
    bool is_anything_gone = false;
    Troubles troubles;
  };
  Added AddAll(const WatchedPlaces& places) const;
  void Adopt(WatchedByNumber watched);
  Consequence Take(Event event, base::MonotonicTime now);

  static constexpr size_t kBufferBytes = 64 << 10;

  base::UniqueFd descriptor_;
  WatchedByNumber watched_;
  OpenFiles open_files_;
  std::unique_ptr<char[]> buffer_;
};

}  // namespace khs::watch
