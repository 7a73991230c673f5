#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/connector_config.h"
#include "reconcile/state_store.h"

namespace khs::reconcile {

// Where a definition comes from.
enum class Origin { kFile, kRest };

// Returns the origin's name in labels and in the status.
inline const char* Name(Origin origin) { return origin == Origin::kFile ? "file" : "rest"; }

// A parsed file of the directory, or a parsed definition from REST.
struct Definition {
  Origin origin = Origin::kFile;
  std::string file;  // or "REST"
  std::string stem;  // the default of its name
  std::map<std::string, std::string>
      written;  // keys and values with references to secrets, name and class
  std::optional<config::ConnectorConfig> config;  // absent when it is invalid
  config::Problems problems;
  std::map<std::string, config::Position> positions;  // of the keys in a file

  // Identifies the definition, also when it is invalid.
  std::string Place() const { return origin == Origin::kFile ? file : file + ' ' + stem; }
  // Ignores positions, so a new comment changes nothing.
  bool operator==(const Definition& other) const {
    return Place() == other.Place() && written == other.written && config == other.config &&
           problems == other.problems;
  }
};

// By connector name. An invalid definition keeps the name that its file last defined, or has its
// default name.
using Definitions = std::map<std::string, Definition>;

// The connector that each place defined when it was last valid.
using NamesByPlace = std::map<std::string, std::string>;

// When two definitions have the same name, the one whose place defined it last wins, or else the
// first in the list. The other becomes an invalid definition under its default name.
Definitions SortByName(std::vector<Definition> definitions, const NamesByPlace& known);

// What one connector should be.
struct DesiredConnector {
  Definition newest;
  uint64_t generation = 1;  // of `newest`; every change of it adds one
  // What should run: the newest definition that is valid, with its keys as they were written, its
  // place and its generation. Absent when none ever was valid.
  std::optional<config::ConnectorConfig> config;
  std::map<std::string, std::string> config_written;
  std::string config_place;
  uint64_t config_generation = 0;
  connect::TargetState target_state = connect::TargetState::kStarted;
};
using Desired = std::map<std::string, DesiredConnector>;

// The desired connectors after another scan of the definitions. Pure.
Desired Advance(Desired before, Definitions now);

NamesByPlace NamesIn(const Desired& desired);

}  // namespace khs::reconcile
