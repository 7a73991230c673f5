#include "config/process_config.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "config/client_properties.h"
#include "config/connector_rules.h"
#include "config/environment.h"
#include "config/listen_address.h"
#include "config/problem_list.h"
#include "config/process_keys.h"
#include "config/settings.h"

namespace khs::config {
namespace {

bool IsDefault(const Setting& setting) { return setting.key.starts_with(kDefaults); }

// Returns `defaults.*` as connector keys, with the written key for problems.
std::vector<WrittenEntry> WithoutPrefix(const Settings& settings) {
  std::vector<WrittenEntry> defaults;
  for (const Setting& setting : settings) {
    if (!IsDefault(setting)) continue;
    WrittenEntry written = setting.written;
    written.entry.key = written.entry.key.substr(kDefaults.size());
    defaults.push_back(std::move(written));
  }
  return defaults;
}

// Replaces aliases in `defaults.*` by their keys, so that the environment overrides either spelling
// in the file.
Settings WithoutAliases(Settings settings) {
  for (Setting& setting : settings) {
    if (!IsDefault(setting)) continue;
    const std::string key = setting.key.substr(kDefaults.size());
    const KeyDefinition* known = FindKey(ConnectorKeys(), key);
    if (known && !known->key.ends_with(".*")) {
      setting.key = std::string(kDefaults) + std::string(known->key);
    }
  }
  return settings;
}

// Validates the properties without references. ResolveProperties validates the others.
void ValidateKafkaProperties(const Settings& settings, const ProcessConfig& config,
                             ProblemList& problems) {
  std::map<std::string, base::Secret> literal;
  for (const auto& [property, text] : config.kafka) {
    auto value = SecretResolver(nullptr).Resolve(text);
    if (value && value->is_complete) literal.emplace(property, std::move(value->text));
  }
  const ClientProperties translated =
      ToLibrdkafka(literal, PropertySource::kProcess, literal.size() == config.kafka.size());
  ReportProperties(translated, kKafka, settings, problems);
}

void ValidateRestAccess(const Settings& settings, const ProcessConfig& config,
                        ProblemList& problems) {
  const TlsFiles& tls = config.rest_tls;
  const auto report = [&](std::string_view key, const std::string& message) {
    if (const Setting* setting = FindSetting(settings, key)) {
      problems.Add(ProblemWith(*setting, message));
    }
  };
  if (tls.certificate.empty()) {
    const std::string alone = "Needs rest.tls.certificate.file as well";
    if (!tls.key.empty()) report("rest.tls.key.file", alone);
    if (!tls.client_ca.empty()) report("rest.tls.client.ca.file", alone);
  }
  const bool has_credentials = !config.rest_credentials.empty() || !tls.client_ca.empty();
  if (config.rest_listen && !IsLoopback(*config.rest_listen) && !config.rest_auth_none &&
      !has_credentials) {
    report("rest.listen",
           "Would be open to everyone who can reach it, and there are no credentials: listen on "
           "127.0.0.1, or set rest.auth.none to true if something else protects it");
  }
}

// Returns the entries in the order of the file, followed by those of the environment.
FlatConfig Entries(const Settings& settings, bool defaults_only) {
  FlatConfig entries;
  for (const Setting& setting : settings) {
    const bool wanted = IsDefault(setting) || (!defaults_only && setting.key.starts_with(kKafka));
    if (!wanted) continue;
    Entry entry = setting.written.entry;
    entry.key = defaults_only ? setting.key.substr(kDefaults.size()) : setting.key;
    entries.push_back(std::move(entry));
  }
  const auto place = [](const Entry& entry) {
    return std::tuple(entry.position.line == 0, entry.position.line, entry.position.column);
  };
  std::stable_sort(entries.begin(), entries.end(), [&](const Entry& left, const Entry& right) {
    return place(left) < place(right);
  });
  return entries;
}

}  // namespace

ProcessResult ParseProcess(const std::string& file, const FlatConfig& definition,
                           const Environment& environment, const ProcessOptions& options) {
  ProblemList problems(file);
  const Settings in_file =
      WithoutAliases(Resolve(KeyTable::kProcess, ToWrittenEntries(file, definition), problems));
  const Settings in_environment =
      WithoutAliases(Resolve(KeyTable::kProcess, ReadEnvironment(environment, problems), problems));

  const Settings settings = Overlay(in_environment, in_file);
  ValidateDefaults(WithoutPrefix(settings), problems);

  SecretResolver secrets(nullptr);
  ProcessDraft draft{secrets};
  RowApplier applier(ProcessRows(), draft, problems);
  applier.SetPlace(file, {1, 1});
  if (!options.bootstrap_servers_required) applier.MakeOptional("kafka.bootstrap.servers");
  Settings own = settings;
  std::erase_if(own, IsDefault);
  applier.Apply(own, Completeness::kWhole);
  ValidateKafkaProperties(own, draft.config, problems);
  ValidateRestAccess(settings, draft.config, problems);

  ProcessResult result;
  result.log_level = draft.config.log_level;
  result.log_format = draft.config.log_format;
  if (!problems.HasErrors()) {
    draft.config.defaults = Entries(settings, true);
    draft.config.entries = Entries(settings, false);
    result.config = std::move(draft.config);
  }
  result.problems = problems.Take();
  return result;
}

ProcessResult ParseProcessToml(const std::string& file, std::string_view text,
                               const Environment& environment, const ProcessOptions& options) {
  auto definition = ReadToml(file, text, KeepsHeaderTable);
  if (!definition) {
    ProcessResult result = ParseProcess(file, {}, environment, options);
    result.config.reset();
    result.problems = std::move(definition.error());
    return result;
  }
  return ParseProcess(file, *definition, environment, options);
}

}  // namespace khs::config
