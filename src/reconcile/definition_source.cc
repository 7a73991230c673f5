#include "reconcile/definition_source.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "config/client_properties.h"
#include "config/definitions.h"
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

// By the table's key, or of one of librdkafka's properties by a name that Java has for it.
auto FindWritten(const std::map<std::string, config::Position>& positions, const std::string& key) {
  constexpr std::string_view kPrefix = "consumer.override.";
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

// Judges definitions by what everything they refer to is at one look.
class DefinitionSource::Judge {
 public:
  Judge(const Settings& settings, SecretLook& secrets) : settings_(settings), secrets_(secrets) {}

  // The clients' properties of the process; or which secret of theirs is not to be had, and why.
  base::Expected<KafkaProperties, std::string> ResolveKafka() const {
    auto kafka = config::ResolveProperties(settings_.kafka, read_);
    if (kafka) return std::move(*kafka);
    return base::Unexpected<std::string>("kafka." + kafka.error().property + ": " +
                                         kafka.error().message);
  }

  // Before anything else.
  void UseKafka(const KafkaProperties& kafka) {
    kafka_ = kafka;
    kafka_files_ = FingerprintOf(kafka_, secrets_);
  }

  Definition OfFile(const watch::DefinitionFile& file) const {
    if (!file.error.empty()) {
      return Unreadable(file, {{file.path, {}, {}, "cannot be read: " + file.error}});
    }
    auto entries = config::ReadToml(file.path, file.content, config::KeepsHeaderTable);
    if (!entries) return Unreadable(file, std::move(entries.error()));
    return Of(Origin::kFile, file.path, file.stem, *entries);
  }

  Definition OfRest(const std::string& name,
                    const std::map<std::string, std::string>& written) const {
    config::FlatConfig entries;
    for (const auto& [key, value] : written)
      entries.push_back({key, value, config::ValueKind::kString, {}});
    return Of(Origin::kRest, "REST", name, entries);
  }

 private:
  // Clients of Kafka Connect's API look for a name and a class in every configuration, so those
  // that hold without being written are in it.
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

  Definition Of(Origin origin, const std::string& file, const std::string& stem,
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
  SecretLook& secrets_;
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

// False when nothing can be said of the files now, but what was said before.
bool DefinitionSource::ReadFiles(base::MonotonicTime now, Look& look) {
  const auto look_again_at = [&look](std::optional<base::MonotonicTime> time) {
    if (time) look.look_again = std::min(look.look_again.value_or(*time), *time);
  };
  watch::Settler::Settled settled = settler_.Look(watch::ReadDirectory(settings_.directory));
  if (settled.look_again) look_again_at(now + watch::kSettleTime);
  if (!settled.snapshot.error.empty()) {
    look_again_at(guard_.due());
    look.outcome = ReloadOutcome::kFailed;
    look.error = look.directory_error = settled.snapshot.error;
    return false;
  }
  look.ignored = std::move(settled.snapshot.ignored);
  const bool has_some = !settled.snapshot.files.empty();
  // Of what is undecided the guard has nothing to say yet: it may be coming back.
  if (has_some || !settled.look_again) {
    const bool doubted_before = guard_.due().has_value();
    if (!guard_.Believe(!files_.empty(), has_some, now)) {
      look_again_at(guard_.due());
      if (!doubted_before) {
        Log().Warn("every definition is gone at once; what runs goes on until a later look agrees",
                   {{"directory", settings_.directory.string()},
                    {"wait_ms", settings_.vanish_wait.count()}});
      }
      return false;
    }
    files_ = std::move(settled.snapshot.files);
  }
  return !settled.look_again;
}

DefinitionSource::Look DefinitionSource::LookAgain(base::MonotonicTime now) {
  Look look;
  if (ReadFiles(now, look)) look.outcome = ReloadOutcome::kUnchanged;
  SecretLook secrets(secret_files_, settings_.environment);
  auto believed_kafka = kafka_;
  auto definitions = JudgeAll(secrets, look);
  // A secret may be in the middle of being written, or one of a volume be newer than another: what
  // two looks in a row have read is believed.
  const bool same = secrets.contents() == last_secrets_;
  last_secrets_ = secrets.contents();
  if (!same && ++unstable_looks_ < kMostUnstableLooks) {
    look.look_again =
        std::min(look.look_again.value_or(now + watch::kSettleTime), now + watch::kSettleTime);
    look.outcome.reset();
    kafka_ = std::move(believed_kafka);
    return look;
  }
  unstable_looks_ = 0;
  believed_secrets_ = last_secrets_;
  Adopt(std::move(definitions), look);
  return look;
}

void DefinitionSource::Refresh() {
  SecretLook secrets(secret_files_, settings_.environment);
  secrets.Recall(believed_secrets_);
  Look look;
  Adopt(JudgeAll(secrets, look), look);
}

std::vector<Definition> DefinitionSource::JudgeAll(SecretLook& secrets, Look& look) {
  Judge judge(settings_, secrets);
  if (auto kafka = judge.ResolveKafka()) {
    kafka_ = std::move(*kafka);
  } else {
    // What was resolved last goes on.
    look.outcome = ReloadOutcome::kFailed;
    look.error = kafka.error();
  }
  std::vector<Definition> definitions;
  if (kafka_) {
    judge.UseKafka(*kafka_);
    // First those made through REST: they were there when a file of the same name came.
    for (const auto& [name, stored] : store_.connectors()) {
      if (stored.config) definitions.push_back(judge.OfRest(name, *stored.config));
    }
    for (const watch::DefinitionFile& file : files_) definitions.push_back(judge.OfFile(file));
  }
  watched_ = {settings_.directory};
  watched_.insert(watched_.end(), secrets.files().begin(), secrets.files().end());
  return definitions;
}

void DefinitionSource::Adopt(std::vector<Definition> candidates, Look& look) {
  if (!kafka_) return;
  Definitions definitions = SortByName(std::move(candidates), NamesIn(desired_));
  Check(definitions);
  const bool changed = !SameDefinitions(desired_, definitions);
  if (look.outcome == ReloadOutcome::kUnchanged) {
    if (changed) look.outcome = ReloadOutcome::kChanged;
    if (!AllValid(definitions)) look.outcome = ReloadOutcome::kPartial;
  }
  if (changed) desired_ = Advance(std::move(desired_), std::move(definitions));
  for (auto& [name, wanted] : desired_) {
    const auto stored = store_.connectors().find(name);
    wanted.state = stored != store_.connectors().end() ? stored->second.target
                                                       : connect::TargetState::kStarted;
  }
}

config::Problems DefinitionSource::Examine(
    const std::string& name, const std::map<std::string, std::string>& written) const {
  SecretLook secrets(secret_files_, settings_.environment);
  Judge judge(settings_, secrets);
  const auto kafka = judge.ResolveKafka();
  if (!kafka) return {{"REST", {}, {}, kafka.error()}};
  judge.UseKafka(*kafka);
  Definition definition = judge.OfRest(name, written);
  Check(definition);
  if (definition.config) return {};  // warnings at most
  return std::move(definition.problems);
}

// Only what is new: loading certificates for hundreds of connectors takes its time.
void DefinitionSource::Check(Definitions& definitions) const {
  for (auto& [name, definition] : definitions) {
    const auto known = desired_.find(name);
    if (known != desired_.end() && known->second.target == definition.config) continue;
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
