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

// What should be of one connector.
struct Wanted {
  Definition newest;
  uint64_t generation = 1;  // of the newest; one more with each change of it
  // What is to run: the newest definition, or while that is invalid the last that was not. Absent
  // when none ever was.
  std::optional<config::ConnectorConfig> target;
  std::map<std::string, std::string> target_written;
  std::string target_place;
  uint64_t target_generation = 0;
  connect::TargetState state = connect::TargetState::kStarted;
};
using Desired = std::map<std::string, Wanted>;

// What should be after another look. Pure.
Desired Advance(Desired before, Definitions now);

NamesByPlace NamesIn(const Desired& desired);

}  // namespace khs::reconcile
