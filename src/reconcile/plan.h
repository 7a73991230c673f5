#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "reconcile/desired.h"
#include "reconcile/difference.h"

namespace khs::reconcile {

// What is there for one connector.
struct Standing {
  enum class State {
    kNothing,      // but its name: it was never valid, or it has just ended
    kWorking,      // or about to
    kEnding,       // it drains
    kFailed,       // it stopped, and stays so
    kCannotStart,  // what it needs was not there
  };
  State state = State::kNothing;
  const config::ConnectorConfig* config = nullptr;  // that it runs by; of all but kNothing
  base::MonotonicTime retry_at;                     // of kCannotStart
  bool was_stopped = false;                         // of kNothing: because that was its target
};
using Actual = std::map<std::string, Standing>;

enum class Action {
  kStart,
  kApply,    // the difference, to what runs
  kRestart,  // drain; it is started when it has ended
  kStop,     // drain
  kKeep,     // nothing changes
  kShow,     // nothing is to run, but its name stands for something: a definition that was never
             // valid, or one whose target is not to run
  kForget,   // it is gone
};

struct Step {
  std::string name;
  Action action;
  Difference difference = {};

  bool operator==(const Step&) const = default;
};

// Pure and level-triggered: looks at what should be and at what is, never at what happened.
// Definitions are compared as they were understood, so a comment or a touched file changes nothing.
std::vector<Step> MakePlan(const Desired& desired, const Actual& actual, base::MonotonicTime now);

}  // namespace khs::reconcile
