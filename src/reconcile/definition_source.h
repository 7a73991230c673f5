#pragma once

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/connector_config.h"
#include "metrics/registry.h"
#include "reconcile/desired.h"
#include "reconcile/secret_snapshot.h"
#include "reconcile/state_store.h"
#include "reconcile/vanish_guard.h"
#include "watch/secret_files.h"
#include "watch/settler.h"

namespace khs::reconcile {

// A problem that only librdkafka or the TLS library can find: in a client property, or in a TLS
// file.
// The key may be empty.
struct Objection {
  std::string key;
  std::string message;
};
using CheckDefinition = std::function<std::vector<Objection>(const config::ConnectorConfig&)>;

// The definitions of the directory and of the store, with the secrets that they refer to. Its job
// is to read them and to keep the desired connectors. Owned by the reconciler, and used by its
// thread only. Files and secrets settle separately but are parsed together, so it has the state of
// both.
class DefinitionSource {
 public:
  struct Settings {
    std::filesystem::path directory;
    config::FlatConfig defaults;  // of every connector
    std::string defaults_file;
    std::map<std::string, std::string> kafka;  // for every client; may refer to secrets
    std::vector<std::filesystem::path> secrets_dirs;
    SecretSnapshot::Environment environment;
    // How long all definitions must be gone before their connectors are removed.
    std::chrono::milliseconds vanish_wait{60'000};
  };

  // The store has REST's definitions and the target states. It must outlive this object.
  DefinitionSource(Settings settings, CheckDefinition check, const StateStore& store);

  struct ScanResult {
    // None while something is still changing. Settled definitions are used nevertheless.
    std::optional<metrics::ReloadOutcome> outcome;
    std::string error;              // why nothing could be read
    std::string directory_error;    // why the directory could not be read
    watch::IgnoredEntries ignored;  // entries of the directory that are not definitions
    std::optional<base::MonotonicTime> scan_again_at;  // before the next regular scan

    void ScanAgainAt(base::MonotonicTime time) {
      scan_again_at = std::min(scan_again_at.value_or(time), time);
    }
  };
  // Reads the directory, the store and the secrets.
  ScanResult Scan(base::MonotonicTime now);

  // Parses the store's definitions again, with the directory and the secrets of the last scan.
  void Refresh();

  // The problems that the next scan would find in a definition submitted through REST.
  config::Problems Validate(const std::string& name,
                            const std::map<std::string, std::string>& written) const;

  const Desired& desired() const { return desired_; }
  // The paths to watch: the directory, and the files that definitions refer to.
  const std::vector<std::filesystem::path>& watched() const { return watched_; }

 private:
  class Parser;
  using KafkaProperties = std::map<std::string, base::Secret>;

  bool ReadDirectory(base::MonotonicTime now, ScanResult& result);
  std::vector<Definition> ParseAll(SecretSnapshot& secrets, ScanResult& result);
  void Adopt(std::vector<Definition> candidates, ScanResult& result);
  void Check(Definitions& definitions) const;
  void Check(Definition& definition) const;

  const Settings settings_;
  const CheckDefinition check_;
  const StateStore& store_;
  const watch::SecretFiles secret_files_;
  watch::Settler settler_;
  VanishGuard guard_;
  std::vector<watch::DefinitionFile> files_;  // the settled ones
  std::optional<KafkaProperties> kafka_;      // resolved last
  SecretSnapshot::Contents settled_secrets_;
  SecretSnapshot::Contents last_secrets_;  // of the last scan
  int unstable_scans_ = 0;                 // in a row
  Desired desired_;
  std::vector<std::filesystem::path> watched_;
};

}  // namespace khs::reconcile
