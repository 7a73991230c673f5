#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "config/connector_config.h"
#include "watch/snapshot.h"

namespace khs::reconcile {

// What one file of the directory says now.
struct Definition {
  std::string file;
  std::string text;                               // as it was read
  std::optional<config::ConnectorConfig> config;  // absent: it is invalid
  config::Problems problems;

  bool operator==(const Definition&) const = default;
};

// By connector name. An invalid definition stands under the name that its file gave last, or would
// give.
using Definitions = std::map<std::string, Definition>;

// Which connector each file defined when it was last valid.
using NamesByFile = std::map<std::string, std::string>;

using JudgeFile = std::function<Definition(const watch::DefinitionFile&)>;

// Judges every file of a snapshot. Of two definitions of one name the one whose file defined it
// last stays, or else the first by path; the other becomes an invalid definition under its file's
// stem.
Definitions JudgeSnapshot(const watch::Snapshot& snapshot, const JudgeFile& judge,
                          const NamesByFile& known);

// What should be of one connector.
struct Wanted {
  Definition newest;
  uint64_t generation = 1;  // of the newest; one more with each change of it
  // What is to run: the newest definition, or while that is invalid the last that was not. Absent
  // when none ever was.
  std::optional<config::ConnectorConfig> target;
  std::string target_text;
  std::string target_file;
  uint64_t target_generation = 0;
};
using Desired = std::map<std::string, Wanted>;

// What should be after another look. Pure.
Desired Advance(Desired before, Definitions now);

NamesByFile NamesIn(const Desired& desired);

}  // namespace khs::reconcile
