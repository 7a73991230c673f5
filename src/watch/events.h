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

// One of inotify's, about a directory that is watched.
struct Event {
  int watch = -1;
  uint32_t mask = 0;
  std::string name;       // in the directory; empty when it is about the directory itself
  bool new_file = false;  // with IN_CREATE: it is a regular file, and this its only name
};

// What must be done about an event.
struct Consequence {
  bool look = false;   // something that matters has changed
  bool rearm = false;  // paths may lead elsewhere now
};

Consequence Judge(const Interest& interest, const Event& event);

// What inotify must be asked for in a directory.
uint32_t MaskFor(const Interest& interest);

// Files that somebody has begun to write and not closed yet. Pure; the watcher's thread.
class OpenFiles {
 public:
  // Of an event that matters.
  void Note(const Event& event, base::MonotonicTime now);
  void ForgetWatch(int watch);
  void Clear() { files_.clear(); }

  // Who has not written for a while is waited for no longer: not every writing ends with a closing
  // that is told (mapped memory, truncate()).
  bool AnyAt(base::MonotonicTime now);

 private:
  using File = std::pair<int, std::string>;    // watch and name
  std::map<File, base::MonotonicTime> files_;  // and when they were written last
};

inline constexpr std::chrono::seconds kWriterSilence{5};

}  // namespace khs::watch
