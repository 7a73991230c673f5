#include "config/connector_config.h"

#include <utility>

#include "config/connector_judge.h"
#include "config/connector_keys.h"
#include "config/problem_list.h"
#include "config/settings.h"

namespace khs::config {
namespace {

// Connect counts a blank value as none.
const Setting* FindSet(const Settings& settings, std::string_view key) {
  const Setting* setting = FindSetting(settings, key);
  return setting && !Trim(setting->written.entry.text).empty() ? setting : nullptr;
}

void JudgeSubscription(const Settings& settings, const ConnectorSource& source, Position whole,
                       ProblemList& problems) {
  const Setting* topics = FindSet(settings, "topics");
  const Setting* regex = FindSet(settings, "topics.regex");
  if (topics && regex) {
    problems.Add(ProblemWith(*regex,
                             "topics and topics.regex are mutually exclusive options, but both "
                             "are set."));
  } else if (!topics && !regex) {
    const Setting* blank = FindSetting(settings, "topics");
    problems.Add({source.file, blank ? blank->written.entry.position : whole, "topics",
                  "Must configure one of topics or topics.regex"});
  }
}

void JudgeClientCertificate(const Settings& settings, ProblemList& problems) {
  const Setting* certificate = FindSet(settings, "ssl.certificate.location");
  const Setting* key = FindSet(settings, "ssl.key.location");
  if (certificate && !key) {
    problems.Add(ProblemWith(*certificate,
                             "A client certificate needs its private key: set "
                             "ssl.key.location as well"));
  } else if (key && !certificate) {
    problems.Add(ProblemWith(*key,
                             "A private key is for a client certificate: set "
                             "ssl.certificate.location as well"));
  }
}

}  // namespace

void JudgeDefaults(const std::vector<Written>& defaults, ProblemList& problems) {
  Settings settings = Resolve(KeyTable::kConnector, defaults, problems);
  std::erase_if(settings, [&](const Setting& setting) {
    const bool own =
        setting.key == "name" || setting.key == "topics" || setting.key == "topics.regex";
    if (own) {
      problems.Add(
          ProblemWith(setting, "Makes no sense as a default: every connector has its own"));
    }
    return own;
  });
  if (const Setting* group = FindSetting(settings, "consumer.override.group.id")) {
    problems.Add(ProblemWith(*group, "Every connector would share this one consumer group",
                             Severity::kWarning));
  }
  ConnectorDraft draft;
  Judge(ConnectorRows(), draft, problems).Apply(settings, Completeness::kPartial);
}

ConnectorResult ParseConnector(const ConnectorSource& source, const FlatConfig& definition,
                               const FlatConfig& defaults, const std::string& defaults_file) {
  ProblemList problems(source.file);
  const Position whole = WholeFile(definition);
  Settings settings = Resolve(KeyTable::kConnector, WrittenIn(source.file, definition), problems);
  settings = Overlay(
      std::move(settings),
      Resolve(KeyTable::kConnector, WrittenIn(defaults_file, defaults, "defaults."), problems));
  if (!FindSetting(settings, "name")) {
    const Entry stem{"name", source.default_name, ValueKind::kString, whole};
    const Settings name = Resolve(KeyTable::kConnector, WrittenIn(source.file, {stem}), problems);
    settings = Overlay(std::move(settings), name);
  }

  ConnectorDraft draft;
  Judge judge(ConnectorRows(), draft, problems);
  judge.SetPlace(source.file, whole);
  judge.Apply(settings, Completeness::kWhole);
  JudgeSubscription(settings, source, whole, problems);
  JudgeClientCertificate(settings, problems);

  ConnectorResult result;
  if (!problems.HasErrors()) {
    ConnectorConfig& config = draft.config;
    if (!draft.has_request_retry) config.policy.request_retry_backoff = config.policy.retry_backoff;
    if (config.subscription.group.empty()) config.subscription.group = "connect-" + config.name;
    result.config = std::move(config);
  }
  result.problems = problems.Take();
  return result;
}

ConnectorResult ParseConnectorToml(const ConnectorSource& source, std::string_view text,
                                   const FlatConfig& defaults, const std::string& defaults_file) {
  auto definition = ReadToml(source.file, text, KeepsHeaderTable);
  if (!definition) return {std::nullopt, std::move(definition.error())};
  return ParseConnector(source, *definition, defaults, defaults_file);
}

}  // namespace khs::config
