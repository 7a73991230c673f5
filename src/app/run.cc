#include <malloc.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string_view>
#include <utility>

#include "app/cluster_watch.h"
#include "app/commands.h"
#include "app/connections.h"
#include "app/environment.h"
#include "app/group_access.h"
#include "app/listeners.h"
#include "app/signals.h"
#include "app/tokens.h"
#include "app/version.h"
#include "base/descriptors.h"
#include "base/log.h"
#include "config/process_config.h"
#include "config/secrets.h"
#include "kafka/consumer.h"
#include "kafka/embedded_broker.h"
#include "kafka/group_history.h"
#include "kafka/properties.h"
#include "metrics/registry.h"
#include "reconcile/reconciler.h"
#include "reconcile/worker.h"
#include "watch/snapshot.h"

namespace khs::app {
namespace {

// Partitions of the topics that the embedded broker creates for connectors.
constexpr int kEmbeddedPartitions = 4;
// Timeouts of consumers of the embedded broker.
constexpr const char* kEmbeddedSessionMs = "4000";
constexpr const char* kEmbeddedHeartbeatMs = "1000";
// How long the shutdown may exceed the grace before the process is ended.
constexpr std::chrono::seconds kShutdownMargin{10};
// Limit of glibc's malloc.
constexpr int kMaxArenas = 2;

const base::Logger& Log() {
  static const base::Logger logger("app");
  return logger;
}

void LogProblem(const config::Problem& problem) {
  const bool warning = problem.severity == config::Severity::kWarning;
  Log().LogEach(warning ? base::LogLevel::kWarn : base::LogLevel::kFatal,
                warning ? "configuration has a warning" : "configuration rejected",
                {{"at", config::Place(problem)}, {"key", problem.key}, {"error", problem.message}});
}

std::optional<config::ProcessConfig> LoadConfig(const RunOptions& options) {
  const std::string path = options.config_file.value_or(kDefaultConfigFile);
  watch::DefinitionFile file = watch::ReadDefinition(path);
  if (!options.config_file && !std::filesystem::exists(path)) file.error.clear();
  config::ProcessResult result =
      config::ParseProcessToml(path, file.content, ReadEnvironment(),
                               {.bootstrap_servers_required = !options.embedded_broker});
  base::ConfigureLog(result.log_level, result.log_format);
  if (!file.error.empty()) {
    Log().Fatal("configuration cannot be read", {{"file", path}, {"error", file.error}});
    return std::nullopt;
  }
  for (const config::Problem& problem : result.problems) LogProblem(problem);
  return std::move(result.config);
}

reconcile::Reconciler::Settings SettingsOf(const config::ProcessConfig& config,
                                           const RunOptions& options) {
  reconcile::Reconciler::Settings settings;
  settings.definitions.directory = config.connectors_dir;
  settings.definitions.defaults = config.defaults;
  settings.definitions.defaults_file = options.config_file.value_or(kDefaultConfigFile);
  settings.definitions.kafka = config.kafka;
  settings.definitions.secrets_dirs.assign(config.secrets_dirs.begin(), config.secrets_dirs.end());
  for (auto& [name, value] : ReadEnvironment()) settings.definitions.environment[name] = value;
  settings.state_dir = config.state_dir;
  settings.rescan_interval = config.rescan_interval;
  settings.debounce = config.debounce;
  settings.shutdown_grace = config.shutdown_grace;
  return settings;
}

// The properties of `kafka.*` with the current secrets.
base::Expected<kafka::Properties, config::PropertyProblem> ResolveKafka(
    const reconcile::DefinitionSource::Settings& settings) {
  const watch::SecretFiles files(settings.secrets_dirs);
  reconcile::SecretSnapshot secrets(files, settings.environment);
  return config::ResolveProperties(
      settings.kafka,
      [&secrets](const config::SecretReference& reference) { return secrets.Read(reference); });
}

// The resolved properties of `kafka.*`; nothing when librdkafka rejects them.
std::optional<kafka::Properties> CheckKafka(const reconcile::DefinitionSource::Settings& settings) {
  const auto resolved = ResolveKafka(settings);
  if (!resolved) {
    Log().Fatal("configuration rejected", {{"key", "kafka." + resolved.error().property},
                                           {"error", resolved.error().message}});
    return std::nullopt;
  }
  const kafka::Properties& properties = *resolved;
  bool valid = true;
  for (const kafka::PropertyProblem& problem : kafka::CheckProperties(properties)) {
    valid = false;
    Log().Fatal("configuration rejected",
                {{"key", "kafka." + problem.property}, {"error", problem.message}});
  }
  if (!valid) return std::nullopt;
  if (const auto error = kafka::TryClient(properties)) {
    Log().Fatal("configuration rejected", {{"key", "kafka.*"}, {"error", *error}});
    return std::nullopt;
  }
  return *resolved;
}

// Creates the topics of the connectors before their consumers need them.
void CreateTopics(kafka::EmbeddedBroker& broker, const config::ProcessConfig& config) {
  for (const watch::DefinitionFile& file : watch::ReadDirectory(config.connectors_dir).files) {
    const auto result =
        config::ParseConnectorToml({file.path, file.stem}, file.content, config.defaults);
    if (!result.config) continue;
    for (const std::string& topic : result.config->subscription.topics) {
      broker.CreateTopic(topic, kEmbeddedPartitions);
    }
  }
}

// Shortens the session for the embedded broker, unless the configuration sets it. When the last
// member leaves, librdkafka's mock cluster begins a rebalance that lasts almost a session timeout,
// and new members wait for its end.
void ShortenSession(config::ProcessConfig& config) {
  const std::map<std::string, std::string> properties{
      {"session.timeout.ms", kEmbeddedSessionMs}, {"heartbeat.interval.ms", kEmbeddedHeartbeatMs}};
  for (const auto& [property, value] : properties) {
    const std::string key = "consumer.override." + property;
    if (config.kafka.contains(property)) return;
    for (const config::Entry& entry : config.defaults) {
      if (entry.key == key) return;
    }
  }
  for (const auto& [property, value] : properties) {
    config.defaults.push_back(
        {"consumer.override." + property, value, config::ValueKind::kString, {}});
  }
}

reconcile::DescriptorUse UseOfDescriptors(const ClusterWatch& cluster) {
  const size_t limit = base::MaxDescriptors();
  // When the open descriptors can't be counted, the connectors' needs still are.
  return {limit, base::ReservedDescriptors(limit), cluster.brokers(),
          [] { return base::OpenDescriptors().value_or(0); }};
}

int RunWith(const RunOptions& options, config::ProcessConfig config, Signals& signals) {
  // Each object outlives the ones declared after it.
  std::optional<kafka::EmbeddedBroker> broker;
  if (options.embedded_broker) {
    broker.emplace();
    config.kafka["bootstrap.servers"] = broker->bootstrap_servers();
    ShortenSession(config);
    CreateTopics(*broker, config);
    std::printf("embedded broker: %s\n", broker->bootstrap_servers().c_str());
    std::fflush(stdout);
  }
  reconcile::Reconciler::Settings settings = SettingsOf(config, options);
  const std::map<std::string, std::string> environment(settings.definitions.environment.begin(),
                                                       settings.definitions.environment.end());
  const auto kafka = CheckKafka(settings.definitions);
  if (!kafka) return kExitFailed;

  const base::SystemClock clock;
  metrics::Registry registry({kVersion, kRevision, kafka::LibraryVersion()});
  std::minstd_rand random(std::random_device{}());
  Tokens tokens(clock, registry, environment, config.disallowed_addresses);
  const ClusterWatch cluster(
      *kafka, [definitions = settings.definitions]() -> std::optional<kafka::Properties> {
        auto resolved = ResolveKafka(definitions);
        return resolved ? std::optional(std::move(*resolved)) : std::nullopt;
      });
  kafka::GroupHistories histories;
  reconcile::Connections connections =
      MakeConnections(clock, histories, tokens.service(), config.disallowed_addresses);
  connections.descriptors = [&cluster] { return UseOfDescriptors(cluster); };
  reconcile::Reconciler reconciler(
      std::move(settings), std::move(connections), DefinitionCheck(),
      [&random] { return std::generate_canonical<double, 32>(random); }, clock, registry);
  reconcile::ReconcilerWorker worker(reconciler, MakeGroupAccess(cluster, histories));
  const auto probes = ListenForProbes(config, registry, reconciler);
  const auto control = ListenForRest(config, worker, registry, clock);
  const auto listening = signals.Listen([&reconciler] { reconciler.RequestStop(); },
                                        [&reconciler] { reconciler.RequestRescan(); },
                                        config.shutdown_grace + kShutdownMargin);

  if (config.state_dir.empty()) {
    Log().Info("state.dir is empty, connectors created through REST are kept in memory only");
  }
  Log().Info("started", {{"version", kVersion}, {"connectors_dir", config.connectors_dir}});
  if (!reconciler.Run()) {
    Log().Fatal("connectors did not end within the grace, exiting without them");
    std::_Exit(kExitFailed);  // a normal exit would wait for their threads
  }
  Log().Info("stopped");
  return kExitOk;
}

}  // namespace

int Run(const RunOptions& options) {
  // glibc's default is eight arenas a processor, and each keeps the memory that its threads freed.
  (void)::mallopt(M_ARENA_MAX, kMaxArenas);
  Signals signals;
  base::ConfigureLog(base::LogLevel::kInfo, base::LogFormat::kLogfmt);
  const base::SuppressionReporter repeats;
  auto config = LoadConfig(options);
  if (!config) return kExitFailed;
  const base::RaisedLimit descriptors = base::RaiseMaxDescriptors();
  Log().Info("file descriptor limit", {{"limit", descriptors.now},
                                       {"raised_from", descriptors.before},
                                       {"reserved", base::ReservedDescriptors(descriptors.now)}});
  try {
    const int code = RunWith(options, std::move(*config), signals);
    if (kafka::Consumer::CountUndestroyed() > 0) {
      std::fflush(nullptr);
      std::_Exit(code);
    }
    return code;
  } catch (const std::exception& error) {
    Log().Fatal("cannot start", {{"error", error.what()}});
    return kExitFailed;
  }
}

}  // namespace khs::app
