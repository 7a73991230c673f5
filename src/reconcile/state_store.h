#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "connect/states.h"

namespace khs::reconcile {

// The stored state of a connector: its definition unless a file defines it, and its target state.
struct StoredConnector {
  std::optional<std::map<std::string, std::string>> config;  // as submitted, with the name
  connect::TargetState target_state = connect::TargetState::kStarted;

  bool operator==(const StoredConnector&) const = default;
};

// The store of `state.dir`. It keeps a TOML file for each connector that REST created, paused or
// stopped. A change is durable before it counts: temporary file, fsync, rename, fsync of the
// directory. Owned by the reconciler and used by its thread.
class StateStore {
 public:
  using Connectors = std::map<std::string, StoredConnector>;
  using Failure = std::string;  // what failed, where and why

  // An empty directory keeps the state in memory only.
  explicit StateStore(std::filesystem::path directory);

  // Reads the directory. Call this once, before anything else. Returns the errors. Renames invalid
  // files to `.damaged`.
  std::vector<std::string> Load();

  const Connectors& connectors() const { return connectors_; }

  // Returns an error if nothing has changed.
  std::optional<Failure> Put(const std::string& name, StoredConnector connector);
  // Removing an unknown name is no error.
  std::optional<Failure> Remove(const std::string& name);

 private:
  std::optional<std::string> LoadOne(const std::filesystem::path& file);

  const std::filesystem::path directory_;
  Connectors connectors_;
};

// The file name for any connector name: different names of any length have different files.
std::string StateFileName(const std::string& connector);

}  // namespace khs::reconcile
