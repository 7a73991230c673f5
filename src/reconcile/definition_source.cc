#include "reconcile/definition_source.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "config/flat.h"
#include "watch/snapshot.h"

namespace khs::reconcile {
namespace {

using metrics::ReloadOutcome;

// A secret that is replaced more often than this while it is read is taken as it was read.
constexpr int kMostUnstableLooks = 20;

const base::Logger& Log() {
  static const base::Logger logger("reconcile");
  return logger;
}

// The files that a client's properties name, and whose replacement needs another client.
size_t FingerprintOf(const std::map<std::string, base::Secret>& properties, SecretLook& secrets) {
  constexpr std::array<std::string_view, 5> kFiles{"ssl.ca.location", "ssl.certificate.location",
                                                   "ssl.key.location", "ssl.keystore.location",
                                                   "ssl.crl.location"};
  size_t all = 0;
  for (const std::string_view name : kFiles) {
    const auto found = properties.find(std::string(name));
    if (found == properties.end() || found->second.Reveal().empty()) continue;
    all = all * 31 + secrets.Fingerprint(found->second.Reveal());
  }
  return all;
}

size_t FingerprintOf(const config::TlsConfig& tls, SecretLook& secrets) {
  size_t all = 0;
  for (const std::string& file : {tls.ca_location, tls.certificate_location, tls.key_location}) {
    if (!file.empty()) all = all * 31 + secrets.Fingerprint(file);
  }
  return all;
}

// Where a key stands in a definition, as far as it can be told.
config::Position PositionOf(const Definition& definition, const std::string& key) {
  const auto entries = config::ReadToml(definition.file, definition.text, config::KeepsHeaderTable);
  if (!entries) return {};
  for (const config::Entry& entry : *entries) {
    if (entry.key == key) return entry.position;
  }
  return {};
}

bool SameDefinitions(const Desired& desired, const Definitions& now) {
  return desired.size() == now.size() &&
         std::all_of(now.begin(), now.end(), [&desired](const auto& entry) {
           const auto known = desired.find(entry.first);
           return known != desired.end() && known->second.newest == entry.second;
         });
}

bool AllValid(const Definitions& definitions) {
  return std::all_of(definitions.begin(), definitions.end(),
                     [](const auto& entry) { return entry.second.config.has_value(); });
}

}  // namespace

DefinitionSource::DefinitionSource(Settings settings, CheckDefinition check)
    : settings_(std::move(settings)),
      check_(std::move(check)),
      secret_files_(settings_.secrets_dirs),
      guard_(settings_.vanish_wait),
      watched_{settings_.directory} {}

DefinitionSource::Look DefinitionSource::LookAgain(base::MonotonicTime now) {
  watch::Settler::Settled settled = settler_.Look(watch::ReadDirectory(settings_.directory));
  if (!settled.snapshot.error.empty()) {
    return {ReloadOutcome::kFailed, settled.snapshot.error, std::nullopt};
  }
  Look look;
  if (settled.look_again) look.look_again = now + watch::kSettleTime;
  const bool doubted_before = guard_.due().has_value();
  if (!guard_.Believe(!desired_.empty(), !settled.snapshot.files.empty(), now)) {
    look.look_again = guard_.due();
    if (!doubted_before) {
      Log().Warn("every definition is gone at once; what runs goes on until a later look agrees",
                 {{"directory", settings_.directory.string()},
                  {"wait_ms", settings_.vanish_wait.count()}});
    }
    return look;
  }

  SecretLook secrets(secret_files_, settings_.environment);
  auto definitions = Judge(settled.snapshot, secrets, look.error);
  watched_ = {settings_.directory};
  watched_.insert(watched_.end(), secrets.files().begin(), secrets.files().end());
  if (!definitions) {
    look.outcome = ReloadOutcome::kFailed;
    return look;
  }
  if (!secrets.StillTrue() && ++unstable_looks_ < kMostUnstableLooks) {
    look.look_again = now + watch::kSettleTime;
    return look;
  }
  unstable_looks_ = 0;
  Check(*definitions);
  const bool changed = !SameDefinitions(desired_, *definitions);
  if (!settled.look_again) {
    look.outcome = !AllValid(*definitions) ? ReloadOutcome::kPartial
                   : changed               ? ReloadOutcome::kChanged
                                           : ReloadOutcome::kUnchanged;
  }
  if (changed) desired_ = Advance(std::move(desired_), std::move(*definitions));
  return look;
}

std::optional<Definitions> DefinitionSource::Judge(const watch::Snapshot& snapshot,
                                                   SecretLook& secrets, std::string& error) {
  const config::ReadSecret read = [&secrets](const config::SecretReference& reference) {
    return secrets.Read(reference);
  };
  const auto kafka = config::ResolveProperties(settings_.kafka, read);
  if (!kafka) {
    error = "kafka." + kafka.error().property + ": " + kafka.error().message;
    return std::nullopt;
  }
  return JudgeSnapshot(
      snapshot, [&](const watch::DefinitionFile& file) { return JudgeOne(file, *kafka, secrets); },
      NamesIn(desired_));
}

Definition DefinitionSource::JudgeOne(const watch::DefinitionFile& file,
                                      const std::map<std::string, base::Secret>& kafka,
                                      SecretLook& secrets) const {
  if (!file.error.empty()) {
    return {file.path, {}, std::nullopt, {{file.path, {}, {}, "cannot be read: " + file.error}}};
  }
  const config::ReadSecret read = [&secrets](const config::SecretReference& reference) {
    return secrets.Read(reference);
  };
  config::ConnectorResult result = config::ParseConnectorToml(
      {file.path, file.stem}, file.content, settings_.defaults, settings_.defaults_file, &read);
  if (result.config) {
    config::ConnectorConfig& config = *result.config;
    config.kafka = kafka;
    config.endpoint.tls.content = FingerprintOf(config.endpoint.tls, secrets);
    config.kafka_files = FingerprintOf(kafka, secrets) * 31 +
                         FingerprintOf(config.subscription.consumer_properties, secrets);
  }
  return {file.path, file.content, std::move(result.config), std::move(result.problems)};
}

// Only what is new: loading certificates for hundreds of connectors takes its time.
void DefinitionSource::Check(Definitions& definitions) const {
  for (auto& [name, definition] : definitions) {
    if (!definition.config) continue;
    const auto known = desired_.find(name);
    if (known != desired_.end() && known->second.target == definition.config) continue;
    const std::vector<Objection> objections = check_(*definition.config);
    if (objections.empty()) continue;
    for (const Objection& objection : objections) {
      definition.problems.push_back({definition.file, PositionOf(definition, objection.key),
                                     objection.key, objection.message});
    }
    definition.config.reset();
  }
}

}  // namespace khs::reconcile
