#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "base/clock.h"
#include "watch/watched_places.h"

namespace khs::watch {

// An inotify event of a watched directory.
struct Event {
  int watch = -1;
  uint32_t mask = 0;
  std::string name;       // in the directory; empty for the directory itself
  bool new_file = false;  // with IN_CREATE: a regular file without another hard link
};

// What the watcher must do after an event.
struct RequiredActions {
  bool look = false;   // read the watched paths again
  bool rearm = false;  // update the watches: paths may lead elsewhere
};

RequiredActions ActionsFor(const Interest& interest, const Event& event);

// Returns the events to request from inotify for a directory.
uint32_t MaskFor(const Interest& interest);

// The files that are being written: modified and not closed yet. Pure. Owned by Inotify and used by
// the watcher's thread.
class OpenFiles {
 public:
  // Takes an event that requires a look.
  void Update(const Event& event, base::MonotonicTime now);
  void RemoveWatch(int watch);
  void Clear() { files_.clear(); }

  // Returns whether a file is being written. Drops files that were not written for kWriterSilence,
  // because not every write ends with IN_CLOSE_WRITE (mapped memory, truncate()).
  bool HasAny(base::MonotonicTime now);

 private:
  using File = std::pair<int, std::string>;    // watch and name
  std::map<File, base::MonotonicTime> files_;  // and when it was last written
};

inline constexpr std::chrono::seconds kWriterSilence{5};

}  // namespace khs::watch
