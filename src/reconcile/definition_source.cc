#include "reconcile/definition_source.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "config/client_properties.h"
#include "config/definitions.h"
#include "config/flat.h"
#include "config/settings.h"
#include "watch/snapshot.h"

namespace khs::reconcile {
namespace {

using metrics::ReloadOutcome;

// After so many scans in a row that read different secrets, the last one counts.
constexpr int kMaxUnstableScans = 20;

const base::Logger& Log() {
  static const base::Logger logger("reconcile");
  return logger;
}

// A fingerprint of the files that client properties name. New content needs a new client.
size_t FingerprintOf(const std::map<std::string, base::Secret>& properties,
                     SecretSnapshot& secrets) {
  constexpr std::array<std::string_view, 6> kFiles{"ssl.ca.location",  "ssl.certificate.location",
                                                   "ssl.key.location", "ssl.keystore.location",
                                                   "ssl.crl.location", "https.ca.location"};
  size_t all = 0;
  for (const std::string_view name : kFiles) {
    const auto found = properties.find(std::string(name));
    if (found == properties.end() || found->second.Reveal().empty()) continue;
    all = all * 31 + secrets.Fingerprint(found->second.Reveal());
  }
  return all;
}

size_t FingerprintOf(const config::TlsConfig& tls, SecretSnapshot& secrets) {
  size_t all = 0;
  for (const std::string& file : {tls.ca_location, tls.certificate_location, tls.key_location}) {
    if (!file.empty()) all = all * 31 + secrets.Fingerprint(file);
  }
  return all;
}

// Finds a key as it was written: librdkafka's properties may be written under Java's names.
auto FindWritten(const std::map<std::string, config::Position>& positions, const std::string& key) {
  constexpr std::string_view kPrefix = config::kConsumerOverride;
  const auto exact = positions.find(key);
  if (exact != positions.end() || !key.starts_with(kPrefix)) return exact;
  return std::find_if(positions.begin(), positions.end(), [&](const auto& entry) {
    const std::string_view written = entry.first;
    return written.starts_with(kPrefix) && config::LibrdkafkaName(written.substr(kPrefix.size())) ==
                                               std::string_view(key).substr(kPrefix.size());
  });
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

// Parses definitions with the secrets and files of one scan.
class DefinitionSource::Parser {
 public:
  Parser(const Settings& settings, SecretSnapshot& secrets)
      : settings_(settings), secrets_(secrets) {}

  // The client properties of the process, or which of their secrets can't be read and why.
  base::Expected<KafkaProperties, std::string> ResolveKafka() const {
    auto kafka = config::ResolveProperties(settings_.kafka, read_);
    if (kafka) return std::move(*kafka);
    return base::Unexpected<std::string>("kafka." + kafka.error().property + ": " +
                                         kafka.error().message);
  }

  // Call this before parsing.
  void UseKafka(const KafkaProperties& kafka) {
    kafka_ = kafka;
    kafka_files_ = FingerprintOf(kafka_, secrets_);
  }

  Definition ParseFile(const watch::DefinitionFile& file) const {
    if (!file.error.empty()) {
      return Unreadable(file, {{file.path, {}, {}, "cannot be read: " + file.error}});
    }
    auto entries = config::ReadToml(file.path, file.content, config::KeepsHeaderTable);
    if (!entries) return Unreadable(file, std::move(entries.error()));
    return Parse(Origin::kFile, file.path, file.stem, *entries);
  }

  Definition ParseSubmitted(const std::string& name,
                            const std::map<std::string, std::string>& written) const {
    config::FlatConfig entries;
    for (const auto& [key, value] : written)
      entries.push_back({key, value, config::ValueKind::kString, {}});
    return Parse(Origin::kRest, "REST", name, entries);
  }

 private:
  // Clients of Kafka Connect's API expect a name and a class in every configuration, so it contains
  // the defaults.
  static Definition Begin(Origin origin, const std::string& file, const std::string& stem) {
    return {origin,
            file,
            stem,
            {{"connector.class", std::string(config::kConnectorClasses.front())}, {"name", stem}},
            std::nullopt,
            {},
            {}};
  }

  static Definition Unreadable(const watch::DefinitionFile& file, config::Problems problems) {
    Definition definition = Begin(Origin::kFile, file.path, file.stem);
    definition.problems = std::move(problems);
    return definition;
  }

  Definition Parse(Origin origin, const std::string& file, const std::string& stem,
                   const config::FlatConfig& entries) const {
    Definition definition = Begin(origin, file, stem);
    for (const config::Entry& entry : entries) {
      definition.written[entry.key] = entry.text;
      if (entry.position.line > 0) definition.positions[entry.key] = entry.position;
    }
    config::ConnectorResult result = config::ParseConnector(
        {file, stem}, entries, settings_.defaults, settings_.defaults_file, &read_);
    definition.config = std::move(result.config);
    definition.problems = std::move(result.problems);
    if (!definition.config) return definition;
    config::ConnectorConfig& config = *definition.config;
    config.kafka = kafka_;
    config.endpoint.tls.content = FingerprintOf(config.endpoint.tls, secrets_);
    config.kafka_files =
        kafka_files_ * 31 + FingerprintOf(config.subscription.consumer_properties, secrets_);
    return definition;
  }

  const Settings& settings_;
  SecretSnapshot& secrets_;
  const config::ReadSecret read_ = [this](const config::SecretReference& reference) {
    return secrets_.Read(reference);
  };
  KafkaProperties kafka_;
  size_t kafka_files_ = 0;
};

DefinitionSource::DefinitionSource(Settings settings, CheckDefinition check,
                                   const StateStore& store)
    : settings_(std::move(settings)),
      check_(std::move(check)),
      store_(store),
      secret_files_(settings_.secrets_dirs),
      guard_(settings_.vanish_wait),
      watched_{settings_.directory} {}

// False while the previous files remain valid.
bool DefinitionSource::ReadDirectory(base::MonotonicTime now, ScanResult& result) {
  watch::Settler::Settled settled = settler_.Look(watch::ReadDirectory(settings_.directory));
  if (settled.look_again) result.ScanAgainAt(now + watch::kSettleTime);
  if (!settled.snapshot.error.empty()) {
    if (const auto due = guard_.due()) result.ScanAgainAt(*due);
    result.outcome = ReloadOutcome::kFailed;
    result.error = result.directory_error = settled.snapshot.error;
    return false;
  }
  result.ignored = std::move(settled.snapshot.ignored);
  const bool has_some = !settled.snapshot.files.empty();
  // The guard decides settled scans only: files that are being written may come back.
  if (has_some || !settled.look_again) {
    const bool doubted_before = guard_.due().has_value();
    if (!guard_.Accept(!files_.empty(), has_some, now)) {
      if (const auto due = guard_.due()) result.ScanAgainAt(*due);
      if (!doubted_before) {
        Log().Warn("all definitions vanished at once, keeping the connectors until confirmed",
                   {{"directory", settings_.directory.string()},
                    {"wait_ms", settings_.vanish_wait.count()}});
      }
      return false;
    }
    files_ = std::move(settled.snapshot.files);
  }
  return !settled.look_again;
}

DefinitionSource::ScanResult DefinitionSource::Scan(base::MonotonicTime now) {
  ScanResult result;
  if (ReadDirectory(now, result)) result.outcome = ReloadOutcome::kUnchanged;
  SecretSnapshot secrets(secret_files_, settings_.environment);
  auto previous_kafka = kafka_;
  auto definitions = ParseAll(secrets, result);
  // A secret may be half written, or newer than another of its volume, so secrets count once two
  // scans in a row have read the same.
  const bool same = secrets.contents() == last_secrets_;
  last_secrets_ = secrets.contents();
  if (!same && ++unstable_scans_ < kMaxUnstableScans) {
    result.ScanAgainAt(now + watch::kSettleTime);
    result.outcome.reset();
    kafka_ = std::move(previous_kafka);
    return result;
  }
  unstable_scans_ = 0;
  settled_secrets_ = last_secrets_;
  Adopt(std::move(definitions), result);
  return result;
}

void DefinitionSource::Refresh() {
  SecretSnapshot secrets(secret_files_, settings_.environment);
  secrets.Preload(settled_secrets_);
  ScanResult result;
  Adopt(ParseAll(secrets, result), result);
}

std::vector<Definition> DefinitionSource::ParseAll(SecretSnapshot& secrets, ScanResult& result) {
  Parser parser(settings_, secrets);
  if (auto kafka = parser.ResolveKafka()) {
    kafka_ = std::move(*kafka);
  } else {
    // Keep the properties that were resolved last.
    result.outcome = ReloadOutcome::kFailed;
    result.error = kafka.error();
  }
  std::vector<Definition> definitions;
  if (kafka_) {
    parser.UseKafka(*kafka_);
    // REST's first: they existed when a file of the same name came.
    for (const auto& [name, stored] : store_.connectors()) {
      if (stored.config) definitions.push_back(parser.ParseSubmitted(name, *stored.config));
    }
    for (const watch::DefinitionFile& file : files_) definitions.push_back(parser.ParseFile(file));
  }
  watched_ = {settings_.directory};
  watched_.insert(watched_.end(), secrets.files().begin(), secrets.files().end());
  return definitions;
}

void DefinitionSource::Adopt(std::vector<Definition> candidates, ScanResult& result) {
  if (!kafka_) return;
  Definitions definitions = SortByName(std::move(candidates), NamesIn(desired_));
  Check(definitions);
  const bool changed = !SameDefinitions(desired_, definitions);
  if (result.outcome == ReloadOutcome::kUnchanged) {
    if (changed) result.outcome = ReloadOutcome::kChanged;
    if (!AllValid(definitions)) result.outcome = ReloadOutcome::kPartial;
  }
  if (changed) desired_ = Advance(std::move(desired_), std::move(definitions));
  for (auto& [name, desired] : desired_) {
    const auto stored = store_.connectors().find(name);
    desired.target_state = stored != store_.connectors().end() ? stored->second.target_state
                                                               : connect::TargetState::kStarted;
  }
}

config::Problems DefinitionSource::Validate(
    const std::string& name, const std::map<std::string, std::string>& written) const {
  SecretSnapshot secrets(secret_files_, settings_.environment);
  Parser parser(settings_, secrets);
  const auto kafka = parser.ResolveKafka();
  if (!kafka) return {{"REST", {}, {}, kafka.error()}};
  parser.UseKafka(*kafka);
  Definition definition = parser.ParseSubmitted(name, written);
  Check(definition);
  if (definition.config) return {};  // warnings at most
  return std::move(definition.problems);
}

// Checks changed definitions only, since loading hundreds of certificates takes long.
void DefinitionSource::Check(Definitions& definitions) const {
  for (auto& [name, definition] : definitions) {
    const auto known = desired_.find(name);
    if (known != desired_.end() && known->second.config == definition.config) continue;
    Check(definition);
  }
}

void DefinitionSource::Check(Definition& definition) const {
  if (!definition.config) return;
  const std::vector<Objection> objections = check_(*definition.config);
  if (objections.empty()) return;
  for (const Objection& objection : objections) {
    const auto written = FindWritten(definition.positions, objection.key);
    const bool is_written = written != definition.positions.end();
    definition.problems.push_back({definition.file,
                                   is_written ? written->second : config::Position{},
                                   is_written ? written->first : objection.key, objection.message});
  }
  config::LimitProblems(definition.problems);
  definition.config.reset();
}

}  // namespace khs::reconcile
