#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/connector_config.h"
#include "reconcile/state_store.h"

namespace khs::reconcile {

enum class Origin { kFile, kRest };

// What one file of the directory, or one definition made through REST, says now.
struct Definition {
  Origin origin = Origin::kFile;
  std::string file;                            // or "REST"
  std::string stem;                            // the name it has if it says no other
  std::map<std::string, std::string> written;  // keys and values, unresolved; with name and class
  std::optional<config::ConnectorConfig> config;  // absent: it is invalid
  config::Problems problems;
  std::map<std::string, config::Position> positions;  // of its keys, in a file

  // Tells definitions apart, also when they are invalid.
  std::string Place() const { return origin == Origin::kFile ? file : file + ' ' + stem; }
  // Wherever its keys stand: a comment changes nothing.
  bool operator==(const Definition& other) const {
    return Place() == other.Place() && written == other.written && config == other.config &&
           problems == other.problems;
  }
};

// By connector name. An invalid definition stands under the name that its place gave last, or would
// give.
using Definitions = std::map<std::string, Definition>;

// Which connector each place defined when it was last valid.
using NamesByPlace = std::map<std::string, std::string>;

// Of two definitions of one name the one whose place defined it last stays, or else the first in
// the list; the other becomes an invalid definition under its stem.
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
