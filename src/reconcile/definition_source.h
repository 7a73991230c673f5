#pragma once

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
#include "reconcile/secret_look.h"
#include "reconcile/state_store.h"
#include "reconcile/vanish_guard.h"
#include "watch/secret_files.h"
#include "watch/settler.h"

namespace khs::reconcile {

// What is wrong with a definition that only who is to use it can tell: a client's property, a file
// of TLS. The key may be empty.
struct Objection {
  std::string key;
  std::string message;
};
using CheckDefinition = std::function<std::vector<Objection>(const config::ConnectorConfig&)>;

// The directory of definitions, with the secrets that they refer to, look by look. The reconciler's
// thread alone.
class DefinitionSource {
 public:
  struct Settings {
    std::filesystem::path directory;
    config::FlatConfig defaults;  // of every connector
    std::string defaults_file;
    std::map<std::string, std::string> kafka;  // for every client; may refer to secrets
    std::vector<std::filesystem::path> secrets_dirs;
    SecretLook::Environment environment;
    // How long all definitions must be gone before that is believed.
    std::chrono::milliseconds vanish_wait{60'000};
  };

  // What was made through REST, and the targets, are the store's, which outlives this.
  DefinitionSource(Settings settings, CheckDefinition check, const StateStore& store);

  struct Look {
    // How it ended; none while something is undecided. What is decided counts all the same.
    std::optional<metrics::ReloadOutcome> outcome;
    std::string error;                              // why nothing could be read
    std::string directory_error;                    // likewise of the directory alone
    watch::IgnoredEntries ignored;                  // what of the directory is no definition
    std::optional<base::MonotonicTime> look_again;  // earlier than otherwise
  };
  Look LookAgain(base::MonotonicTime now);

  // Judges anew what was made through REST; of the directory as it was at the last look.
  void Refresh();

  // What is wrong with a definition that somebody wants to make through REST, as it would be found
  // by the next look.
  config::Problems Examine(const std::string& name,
                           const std::map<std::string, std::string>& written) const;

  const Desired& desired() const { return desired_; }
  // What has to be watched for changes: the directory, and files that definitions refer to.
  const std::vector<std::filesystem::path>& watched() const { return watched_; }

 private:
  class Judge;
  using KafkaProperties = std::map<std::string, base::Secret>;

  bool ReadFiles(base::MonotonicTime now, Look& look);
  std::vector<Definition> JudgeAll(SecretLook& secrets, Look& look);
  void Adopt(std::vector<Definition> candidates, Look& look);
  void Check(Definitions& definitions) const;
  void Check(Definition& definition) const;

  const Settings settings_;
  const CheckDefinition check_;
  const StateStore& store_;
  const watch::SecretFiles secret_files_;
  watch::Settler settler_;
  VanishGuard guard_;
  std::vector<watch::DefinitionFile> files_;  // as they are believed to be
  std::optional<KafkaProperties> kafka_;      // as they were resolved last
  SecretLook::Contents believed_secrets_;
  SecretLook::Contents last_secrets_;  // as the last look read them
  int unstable_looks_ = 0;             // in a row, of which each read others
  Desired desired_;
  std::vector<std::filesystem::path> watched_;
};

}  // namespace khs::reconcile
