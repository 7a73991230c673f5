#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "connect/states.h"

namespace khs::reconcile {

// What the REST API made of one connector: its definition, unless a file has that, and its target.
struct StoredConnector {
  std::optional<std::map<std::string, std::string>> config;  // as submitted, with its name
  connect::TargetState target_state = connect::TargetState::kStarted;

  bool operator==(const StoredConnector&) const = default;
};

// Keeps that in a directory, a TOML file a connector. A change is on the disk, whole and durably,
// before it counts: temporary file, fsync, rename, fsync of the directory. One thread.
class StateStore {
 public:
  using Connectors = std::map<std::string, StoredConnector>;
  using Failure = std::string;  // what can't be stored, where and why

  // Without a directory it is kept in memory only.
  explicit StateStore(std::filesystem::path directory);

  // Reads what is there; once, before anything else. What can't be read is set aside, under its
  // name and `.damaged`, and told; also that nothing can be written.
  std::vector<std::string> Load();

  const Connectors& connectors() const { return connectors_; }

  // Nothing, or why nothing has changed.
  std::optional<Failure> Put(const std::string& name, StoredConnector connector);
  // A name that is not there is no failure.
  std::optional<Failure> Remove(const std::string& name);

 private:
  std::optional<std::string> LoadOne(const std::filesystem::path& file);

  const std::filesystem::path directory_;
  Connectors connectors_;
};

// A file's name for any name of a connector: different ones have different files, whatever is in
// them and however long they are.
std::string StateFileName(const std::string& connector);

}  // namespace khs::reconcile
