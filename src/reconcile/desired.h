#pragma once

#include <map>
#include <optional>
#include <string>

#include "config/connector_config.h"
#include "config/flat.h"
#include "watch/snapshot.h"

namespace khs::reconcile {

// What the directory says of one connector.
struct Definition {
  std::string file;
  std::optional<config::ConnectorConfig> config;  // absent: the definition is invalid
  config::Problems problems;
};

// By connector name. An invalid definition stands under the name that its file gave last, or would
// give.
using Desired = std::map<std::string, Definition>;

// Which connector each file defined when it was last valid.
using NamesByFile = std::map<std::string, std::string>;

// Judges every file of a snapshot. Of two definitions of one name the one whose file defined it
// last stays, or else the first by path; the other becomes an invalid definition under its file's
// stem.
Desired JudgeSnapshot(const watch::Snapshot& snapshot, const config::FlatConfig& defaults,
                      const std::string& defaults_file, const NamesByFile& known);

}  // namespace khs::reconcile
