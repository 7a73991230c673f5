#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "watch/snapshot.h"

namespace khs::watch {

// After how long two looks that agree are worth believing.
inline constexpr std::chrono::milliseconds kSettleTime{100};

// Believes a change of a plain file, or its absence, only when two looks in a row agree: a writer
// may be in the middle of it. What comes from a `..data` volume is believed at once. Pure; the
// reconciler's thread.
class Settler {
 public:
  struct Settled {
    Snapshot snapshot;  // what is believed now
    bool look_again;    // something is undecided: look again after kSettleTime
  };

  // A snapshot with an error is handed back as it is. It says nothing about the files, so it is no
  // look.
  Settled Look(Snapshot snapshot);

 private:
  using File = std::optional<DefinitionFile>;  // absent: there is none of that path
  struct Opinion {
    File believed;
    // What the look before saw, where it is something else.
    std::optional<File> doubted;
  };

  std::map<std::string, Opinion> opinions_;  // by path
  bool is_undecided_ = false;
};

}  // namespace khs::watch
