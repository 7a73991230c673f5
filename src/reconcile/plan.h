#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "reconcile/desired.h"

namespace khs::reconcile {

// What is there for one connector: the definition that it runs by, or none when it only stands for
// a definition that was never valid.
using Actual = std::map<std::string, std::optional<config::ConnectorConfig>>;

enum class Action {
  kStart,       // a new connector
  kRestart,     // its definition changed
  kStop,        // its definition is gone
  kKeep,        // nothing changed
  kKeepLast,    // its newest definition is invalid; the last good one goes on
  kShowFailed,  // its first definition is invalid
};

struct Step {
  std::string name;
  Action action;

  bool operator==(const Step&) const = default;
};

// Pure and level-triggered: looks at what should be and at what is, never at what happened.
// Definitions are compared as they were understood, so a comment or a touched file changes nothing.
std::vector<Step> MakePlan(const Desired& desired, const Actual& actual);

}  // namespace khs::reconcile
