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

  DefinitionSource(Settings settings, CheckDefinition check);

  struct Look {
    // How it ended; none while something is undecided. What is decided counts all the same.
    std::optional<metrics::ReloadOutcome> outcome;
    std::string error;                              // why nothing could be read
    std::optional<base::MonotonicTime> look_again;  // earlier than otherwise
  };
  Look LookAgain(base::MonotonicTime now);

  const Desired& desired() const { return desired_; }
  // What has to be watched for changes: the directory, and files that definitions refer to.
  const std::vector<std::filesystem::path>& watched() const { return watched_; }

 private:
  std::optional<Definitions> Judge(const watch::Snapshot& snapshot, SecretLook& secrets,
                                   std::string& error);
  Definition JudgeOne(const watch::DefinitionFile& file,
                      const std::map<std::string, base::Secret>& kafka, SecretLook& secrets) const;
  void Check(Definitions& definitions) const;

  const Settings settings_;
  const CheckDefinition check_;
  const watch::SecretFiles secret_files_;
  watch::Settler settler_;
  VanishGuard guard_;
  int unstable_looks_ = 0;  // in a row, in which secrets changed under the reader
  Desired desired_;
  std::vector<std::filesystem::path> watched_;
};

}  // namespace khs::reconcile
