#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "watch/snapshot.h"

namespace khs::watch {

// The time between two looks that must agree.
inline constexpr std::chrono::milliseconds kSettleTime{100};

// Accepts a change or removal of a plain file only when two consecutive looks agree, because a
// writer may not have finished. Accepts files of a `..data` volume at once. Pure. Owned by the
// reconciler's thread.
class Settler {
 public:
  struct Settled {
    Snapshot snapshot;  // the accepted files
    bool look_again;    // a change is pending: look again after kSettleTime
  };

  // Takes the result of a look. Returns a snapshot with an error unchanged and ignores it
  // otherwise, because it says nothing about the files.
  Settled Look(Snapshot snapshot);

 private:
  using File = std::optional<DefinitionFile>;  // absent: no file at that path
  struct State {
    File accepted;
    std::optional<File> pending;  // what the last look saw, if it differs
  };

  std::map<std::string, State> states_;  // by path
  bool has_pending_ = false;
};

}  // namespace khs::watch
