#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "app/commands.h"
#include "app/connections.h"
#include "app/environment.h"
#include "app/output.h"
#include "app/tokens.h"
#include "app/try_text.h"
#include "app/version.h"
#include "auth/authorized_endpoint.h"
#include "base/clock.h"
#include "base/log.h"
#include "config/connector_config.h"
#include "config/flat.h"
#include "config/json.h"
#include "config/process_config.h"
#include "config/record_file.h"
#include "config/secrets.h"
#include "delivery/retry_indicator.h"
#include "http/destination.h"
#include "http/endpoint_client.h"
#include "http/request_head.h"
#include "kafka/properties.h"
#include "kafka/record_reader.h"
#include "metrics/registry.h"
#include "reconcile/secret_snapshot.h"
#include "watch/secret_files.h"
#include "watch/snapshot.h"

namespace khs::app {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kKafkaTimeout{15};

// Writes to the standard output. What goes to a terminal must not control it.
void Write(const std::string& text) {
  static const bool is_terminal = ::isatty(STDOUT_FILENO) == 1;
  const std::string shown = is_terminal ? ForTerminal(text) : text;
  std::fwrite(shown.data(), 1, shown.size(), stdout);
}

// The definition to try, with what it takes from the process.
struct Trial {
  config::ProcessConfig process;
  config::ConnectorConfig connector;
};

// sidecar.toml; the default one need not exist. It need not name brokers either.
std::optional<config::ProcessConfig> LoadProcess(const std::string& path, bool must_exist) {
  const watch::DefinitionFile file = watch::ReadDefinition(path);
  if (!file.error.empty() && (must_exist || fs::exists(path))) {
    PrintError(file.path, "cannot be read: " + file.error);
    return std::nullopt;
  }
  config::ProcessResult result = config::ParseProcessToml(path, file.content, ReadEnvironment(),
                                                          {.bootstrap_servers_required = false});
  PrintProblems(result.problems);
  return std::move(result.config);
}

std::optional<config::ConnectorConfig> LoadConnector(const std::string& path,
                                                     const config::ProcessConfig& process,
                                                     const std::string& process_file,
                                                     const config::ReadSecret& read) {
  const watch::DefinitionFile file = watch::ReadDefinition(path);
  if (!file.error.empty()) {
    PrintError(file.path, "cannot be read: " + file.error);
    return std::nullopt;
  }
  const bool is_json = fs::path(path).extension() == ".json";
  const auto entries = is_json
                           ? config::ReadJson(file.path, file.content)
                           : config::ReadToml(file.path, file.content, config::KeepsHeaderTable);
  if (!entries) {
    PrintProblems(entries.error());
    return std::nullopt;
  }
  config::ConnectorResult result = config::ParseConnector(
      {file.path, fs::path(path).stem().string()}, *entries, process.defaults, process_file, &read);
  PrintProblems(result.problems);
  return std::move(result.config);
}

std::optional<Trial> Load(const TryOptions& options) {
  const std::string process_file = options.config_file.value_or(kDefaultConfigFile);
  auto process = LoadProcess(process_file, options.config_file.has_value());
  if (!process) return std::nullopt;
  const watch::SecretFiles files({process->secrets_dirs.begin(), process->secrets_dirs.end()});
  reconcile::SecretSnapshot::Environment environment;
  for (auto& [name, value] : ReadEnvironment()) environment[name] = value;
  reconcile::SecretSnapshot secrets(files, environment);
  const config::ReadSecret read = [&secrets](const config::SecretReference& reference) {
    return secrets.Read(reference);
  };
  auto connector = LoadConnector(options.definition, *process, process_file, read);
  if (!connector) return std::nullopt;
  if (options.topic) {
    auto kafka = config::ResolveProperties(process->kafka, read);
    if (!kafka) {
      PrintError("kafka." + kafka.error().property, kafka.error().message);
      return std::nullopt;
    }
    connector->kafka = std::move(*kafka);
  }
  return Trial{std::move(*process), std::move(*connector)};
}

std::string FirstTopic(const config::ConnectorConfig& connector) {
  const auto& topics = connector.subscription.topics;
  return topics.empty() ? "topic" : topics.front();
}

std::optional<delivery::Record> ReadRecordFile(const std::string& path, const std::string& topic) {
  std::error_code none;
  std::ifstream in(path, std::ios::binary);
  if (!in || fs::is_directory(path, none)) {
    PrintError(path, "cannot be read: " + std::system_category().message(in ? EISDIR : errno));
    return std::nullopt;
  }
  std::ostringstream content;
  content << in.rdbuf();
  auto record = config::ReadRecord(path, content.str(), topic);
  if (record) return std::move(*record);
  PrintProblems(record.error());
  return std::nullopt;
}

std::optional<delivery::Record> ReadFromKafka(const config::ConnectorConfig& connector,
                                              const base::TopicPartition& from, int64_t offset) {
  const std::string place = fmt::format("{}[{}]@{}", from.topic, from.partition, offset);
  const kafka::Properties properties = ConsumerProperties(connector);
  if (!properties.contains("bootstrap.servers")) {
    PrintError(place, "there is no kafka.bootstrap.servers: name a sidecar.toml by --config");
    return std::nullopt;
  }
  auto record = kafka::ReadRecordAt(properties, from, offset, kKafkaTimeout);
  if (record) return std::move(*record);
  PrintError(place, record.error().text);
  return std::nullopt;
}

std::optional<delivery::Record> FindRecord(const TryOptions& options,
                                           const config::ConnectorConfig& connector) {
  if (options.topic) {
    return ReadFromKafka(connector, {*options.topic, options.partition}, options.offset);
  }
  if (options.record_file) return ReadRecordFile(*options.record_file, FirstTopic(connector));
  std::fprintf(stderr, "This is a made-up record; --record or --topic names one.\n");
  delivery::Record record;
  record.topic_partition = {FirstTopic(connector), 0};
  record.key = "key";
  record.value = "{}";
  return record;
}

int Finish(const Prediction& prediction) {
  Write("verdict: " + prediction.text + '\n');
  if (!FlushOutput()) return kExitFailed;
  return prediction.is_delivered ? kExitOk : kExitNotDelivered;
}

// Sends a request once, as the connector would.
delivery::Outcome Send(task::Endpoint& client, request::Request request) {
  client.Begin(0, std::move(request));
  std::vector<task::Endpoint::Ended> ended;
  while (ended.empty()) client.Wait(std::nullopt, ended);
  return std::move(ended.front().outcome);
}

void WriteResponse(const delivery::Outcome& outcome, std::chrono::milliseconds duration,
                   const base::SecretFilter& secrets) {
  const auto* response = std::get_if<delivery::Response>(&outcome);
  if (response == nullptr) {
    Write(fmt::format("response: none after {} ms\n", duration.count()));
    return;
  }
  std::string text =
      fmt::format("response: HTTP {} after {} ms", response->status, duration.count());
  if (response->retry_after) text += ", Retry-After: " + secrets.Hide(*response->retry_after);
  Write(text + '\n');
  if (response->body.empty()) return;
  Write(secrets.Hide(response->body, delivery::kMaxIndicatorBody) + '\n');
  if (response->body.size() > delivery::kMaxIndicatorBody) {
    std::fprintf(stderr, "The response is longer than 64 KiB. The rest of it was not read.\n");
  }
}

// Returns the request's head as it is sent; the secrets are hidden.
std::string ShowHead(const config::ConnectorConfig& connector, request::Request request,
                     const http::RequestFrame& frame, const base::SecretFilter& secrets) {
  if (connector.endpoint.auth.type == config::AuthConfig::Type::kOAuth2) {
    auth::AddToken(request, "token");
  }
  return HideInHead(http::RenderHead(request, frame), secrets);
}

int TryRecord(const Trial& trial, const delivery::Record& record, bool sends,
              const base::Clock& clock, auth::TokenService& tokens) {
  const config::ConnectorConfig& connector = trial.connector;
  const task::Route route = MakeRoute(connector, nullptr, &tokens);
  if (const auto decision = delivery::DecideBeforeAttempt(connector.policy, record)) {
    return Finish(PredictWithout(connector, *decision, ""));
  }
  auto request = route.builder->Build(record, clock.Read().wall);
  if (!request) {
    const auto decision = delivery::DecideAfterFault(connector.policy, request.error());
    return Finish(PredictWithout(connector, decision, request.error().text));
  }

  const auto& destination = static_cast<const auth::Destination&>(*route.destination);
  const auto& frame = static_cast<const http::Destination&>(*destination.endpoint).frame;
  std::vector<base::Secret> hidden = connector.secrets;
  if (connector.endpoint.host_is_secret) hidden.emplace_back(frame.host);
  const base::SecretFilter secrets(std::move(hidden));
  Write(ShowHead(connector, *request, frame, secrets));
  Write(secrets.Hide(request->Body()));
  // The bytes end here, but a terminal's line should too.
  if (!sends) {
    if (::isatty(STDOUT_FILENO) == 1) Write("\n");
    return FlushOutput() ? kExitOk : kExitFailed;
  }

  Write("\n\n");
  if (!FlushOutput()) return kExitFailed;
  auth::AuthorizedEndpoint client(std::make_unique<http::EndpointClient>(
      connector.name, clock, trial.process.disallowed_addresses));
  client.Use(route.destination);
  const base::MonotonicTime start = clock.Monotonic();
  delivery::Outcome outcome = Send(client, std::move(*request));
  WriteResponse(outcome,
                std::chrono::duration_cast<std::chrono::milliseconds>(clock.Monotonic() - start),
                secrets);
  return Finish(
      PredictAfter(connector, delivery::ParseOutcome(std::move(outcome), clock.Read().wall)));
}

}  // namespace

int Try(const TryOptions& options) {
  base::ConfigureLog(base::LogLevel::kWarn, base::LogFormat::kLogfmt);
  if (options.send && !options.topic && !options.record_file) {
    PrintError("--send", "it needs a record: --record, or --topic, --partition and --offset");
    return kExitUsage;
  }
  try {
    const auto trial = Load(options);
    if (!trial) return kExitFailed;
    const base::SystemClock clock;
    metrics::Registry registry({kVersion, kRevision, kafka::LibraryVersion()});
    const config::Environment environment = ReadEnvironment();
    Tokens tokens(clock, registry, {environment.begin(), environment.end()},
                  trial->process.disallowed_addresses);
    const auto record = FindRecord(options, trial->connector);
    if (!record) return kExitFailed;
    return TryRecord(*trial, *record, options.send, clock, tokens.service());
  } catch (const std::exception& error) {
    PrintError(options.definition, error.what());
    return kExitFailed;
  }
}

}  // namespace khs::app
