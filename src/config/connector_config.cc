#include "config/connector_config.h"

#include <algorithm>
#include <utility>

#include "base/encoding.h"
#include "base/header_syntax.h"
#include "config/auth_values.h"
#include "config/client_properties.h"
#include "config/connector_keys.h"
#include "config/connector_rules.h"
#include "config/internal_topics.h"
#include "config/problem_list.h"
#include "config/request_body.h"
#include "config/reserved_headers.h"
#include "config/retry_values.h"
#include "config/settings.h"
#include "config/signature_values.h"

namespace khs::config {
namespace {

void ValidateSubscription(const Settings& settings, const ConnectorSource& source, Position whole,
                          ProblemList& problems) {
  const Setting* topics = FindSet(settings, "topics");
  const Setting* regex = FindSet(settings, "topics.regex");
  if (topics && regex) {
    problems.Add(ProblemWith(*regex, std::string(kBothSubscriptions)));
  } else if (!topics && !regex) {
    const Setting* blank = FindSetting(settings, "topics");
    problems.Add({source.file, blank ? blank->written.entry.position : whole, "topics",
                  std::string(kNoSubscription)});
  }
}

void ValidateClientCertificate(const Settings& settings, ProblemList& problems) {
  const Setting* certificate = FindSet(settings, "ssl.certificate.location");
  const Setting* key = FindSet(settings, "ssl.key.location");
  if (certificate && !key) {
    problems.Add(ProblemWith(*certificate,
                             "A client certificate needs its private key: set "
                             "ssl.key.location as well"));
  } else if (key && !certificate) {
    problems.Add(ProblemWith(*key,
                             "A private key requires a client certificate: set "
                             "ssl.certificate.location as well"));
  }
}

void ValidateProxy(const Settings& settings, ProblemList& problems) {
  const Setting* host = FindSet(settings, "http.proxy.host");
  if (host && !FindSet(settings, "http.proxy.port")) {
    problems.Add(ProblemWith(*host, "A proxy needs a port: set http.proxy.port as well"));
  }
  for (const std::string_view key : {"http.proxy.port", "http.proxy.user", "http.proxy.password"}) {
    const Setting* setting = FindSet(settings, key);
    if (setting && !host) {
      problems.Add(ProblemWith(*setting, "It requires a proxy: set http.proxy.host as well"));
    }
  }
}

// Whether values are escaped in the body depends on its Content-Type.
void ValidateBody(const Settings& settings, const std::string& file, bool is_complete,
                  EndpointConfig& endpoint, ProblemList& problems) {
  const Setting* setting = FindSetting(settings, "callback.request.body");
  if (setting == nullptr || !endpoint.body) return;
  const auto type = std::find_if(
      endpoint.headers.begin(), endpoint.headers.end(),
      [](const auto& header) { return EqualIgnoringCase(header.first, "Content-Type"); });
  const bool is_configured = type != endpoint.headers.end();
  if (!is_configured && !is_complete) return;  // a secret may contain it
  if (is_configured && type->second.has_fields()) {
    problems.Add(ProblemWith(*setting, "Needs a Content-Type without templates"));
    return;
  }
  const std::string& text =
      is_configured ? type->second.constant().Reveal() : endpoint.default_content_type;
  endpoint.body_is_json = IsJsonType(text);
  if (!endpoint.body_is_json) {
    if (setting->written.file == file && endpoint.body->has_fields() &&
        LooksLikeJson(*endpoint.body)) {
      problems.Add(ProblemWith(*setting,
                               "It looks like JSON, but its Content-Type is not JSON: values are "
                               "put in as they are, without escapes. Set the Content-Type "
                               "application/json in callback.request.headers",
                               Severity::kWarning));
    }
    return;
  }
  std::string reason = ValidateJsonBody(*endpoint.body, text);
  if (!reason.empty()) problems.Add(ProblemWith(*setting, std::move(reason)));
}

// Adds what is sent as credentials, but is no reference by itself: what headers have around
// references and templates, too. The authentication scheme before a template is none.
void AddCredentials(const EndpointConfig& endpoint, SecretResolver& secrets) {
  if (!endpoint.proxy.user.Reveal().empty()) {
    secrets.AddValue(
        base::Base64Encode(endpoint.proxy.user.Reveal() + ':' + endpoint.proxy.password.Reveal()));
  }
  for (const auto& [name, value] : endpoint.headers) {
    if (!base::MayHoldCredentials(name)) continue;
    for (const Template::Part& part : value.parts()) {
      const auto* text = std::get_if<base::Secret>(&part);
      if (text == nullptr || text->is_from_reference()) continue;
      const std::string_view literal = Trim(text->Reveal());
      const bool is_scheme = value.has_fields() && &part == &value.parts().front() &&
                             literal.find(' ') == std::string_view::npos &&
                             text->Reveal().ends_with(' ');
      if (!is_scheme) secrets.AddCredential(literal);
    }
  }
}

// Reports headers of a key that a feature of the definition sets itself. Quotes none of their
// names, because a secret may contain all headers.
void ValidateReservedHeaders(const Setting* setting, const std::vector<std::string>& headers,
                             const EndpointConfig& endpoint, ProblemList& problems) {
  if (setting == nullptr) return;
  bool has_event = false;
  bool has_signature = false;
  for (const std::string& header : headers) {
    has_event = has_event || IsEventHeader(endpoint.cloud_events, header);
    has_signature = has_signature || IsSignatureHeader(endpoint.signature, header);
  }
  if (has_event) {
    problems.Add(
        ProblemWith(*setting, "cloudevents.mode sets these headers itself, leave them out: ce-*"));
  }
  if (!has_signature) return;
  std::string names;
  for (const std::string_view name : SignatureHeaders(endpoint.signature.type)) {
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  problems.Add(
      ProblemWith(*setting, "signature.type sets these headers itself, leave them out: " + names));
}

void ValidateReservedHeaders(const Settings& settings, const EndpointConfig& endpoint,
                             ProblemList& problems) {
  std::vector<std::string> headers;
  for (const auto& header : endpoint.headers) headers.push_back(header.first);
  ValidateReservedHeaders(FindSetting(settings, "callback.request.headers"), headers, endpoint,
                          problems);
  if (endpoint.auth.type != AuthConfig::Type::kApiKey) return;
  ValidateReservedHeaders(FindSetting(settings, "api.key.name"), {endpoint.auth.header_name},
                          endpoint, problems);
}

// Translates `consumer.override.*` to librdkafka's properties.
void TranslateConsumerProperties(const Settings& settings, bool is_complete,
                                 SubscriptionConfig& subscription, ProblemList& problems) {
  ClientProperties translated =
      ToLibrdkafka(subscription.consumer_properties, PropertySource::kConnector, is_complete);
  if (!subscription.topics.empty() && translated.values.contains("topic.blacklist")) {
    translated.warnings.push_back({"topic.blacklist", "Has no effect: there is no topics.regex"});
  }
  ReportProperties(translated, kConsumerOverride, settings, problems);
  subscription.consumer_properties = std::move(translated.values);
}

std::vector<std::string> ExcludedTopics(const ConnectorConfig& config) {
  if (config.subscription.topics_regex.empty()) return {};
  std::vector<std::string> topics(kInternalTopics.begin(), kInternalTopics.end());
  if (!config.dead_letters.topic.empty()) topics.push_back(config.dead_letters.topic);
  return topics;
}

// Warns of valid settings that are probably not intended. Checks only the connector's own keys,
// because a default need not make sense for each connector. Keys with unresolved secrets have their
// type's default in the draft, which causes no warning except for the strategy.
void WarnOfUnintendedSettings(const Settings& settings, const std::string& file,
                              const RowApplier<ConnectorDraft>& applier,
                              const ConnectorConfig& config, ProblemList& problems) {
  const auto warn = [&](const Setting* setting, std::string message) {
    if (setting == nullptr || setting->written.file != file) return;
    problems.Add(ProblemWith(*setting, std::move(message), Severity::kWarning));
  };
  const bool backs_off = config.policy.strategy.backs_off;
  const bool stops = config.policy.strategy.then == delivery::Strategy::Then::kStop;
  if (applier.IsResolved("exception.strategy") && backs_off &&
      !FindSet(settings, "retry.backoff.sec")) {
    warn(FindSetting(settings, "retry.backoff.sec"),
         std::string("Without delays nothing is retried: the first response error ") +
             (stops ? "stops the connector" : "drops its record"));
  }
  if (stops && config.policy.statuses.drop.empty()) {
    warn(FindSet(settings, "errors.deadletterqueue.topic.name"),
         "Nothing is ever produced to it: exception.strategy stops instead of dropping");
  }
  if (applier.IsResolved("cloudevents.mode") &&
      config.endpoint.cloud_events.mode == CloudEventsConfig::Mode::kNone) {
    for (const std::string_view key : {"cloudevents.type", "cloudevents.source"}) {
      warn(FindSet(settings, key), "Has no effect: cloudevents.mode is NONE");
    }
  }
  const auto& headers = config.endpoint.headers;
  if (std::any_of(headers.begin(), headers.end(),
                  [](const auto& header) { return IsRecordHeader(header.first); })) {
    // Without their names, because a secret may contain all headers.
    warn(FindSetting(settings, "callback.request.headers"),
         "Some of these headers have no effect: every request sets X-Kafka-*, X-B3-*, traceparent, "
         "tracestate and Idempotency-Key itself");
  }
  const auto is_plain = [](const base::Secret& url) {
    return Lower(url.Reveal()).starts_with("http://");
  };
  const AuthConfig& auth = config.endpoint.auth;
  const bool tokens_need_tls =
      auth.type == AuthConfig::Type::kOAuth2 && !is_plain(auth.oauth2.token_url);
  if (is_plain(config.endpoint.url) && !tokens_need_tls) {
    for (const std::string_view key : {"ssl.ca.location", "ssl.certificate.location"}) {
      warn(FindSet(settings, key), "Has no effect: callback.request.url is not https://");
    }
  }
}

}  // namespace

void ValidateDefaults(const std::vector<WrittenEntry>& defaults, ProblemList& problems) {
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
  SecretResolver secrets(nullptr);
  ConnectorDraft draft{secrets};
  RowApplier(ConnectorRows(), draft, problems).Apply(settings, Completeness::kPartial);
  ConnectorConfig& config = draft.config;
  TranslateConsumerProperties(settings, secrets.is_complete(), config.subscription, problems);
}

namespace {

// Whether problems quote values.
enum class Showing { kQuoted, kHidden };

ConnectorResult Parse(const ConnectorSource& source, const FlatConfig& definition,
                      const FlatConfig& defaults, const std::string& defaults_file,
                      const ReadSecret* read_secret, Showing showing) {
  ProblemList problems(source.file);
  const Position whole = WholeFile(definition);
  Settings settings =
      Resolve(KeyTable::kConnector, ToWrittenEntries(source.file, definition), problems);
  settings =
      Overlay(std::move(settings),
              Resolve(KeyTable::kConnector,
                      ToWrittenEntries(defaults_file, defaults, std::string(kDefaults)), problems));
  if (!FindSetting(settings, "name")) {
    const Entry stem{"name", source.default_name, ValueKind::kString, whole};
    const Settings name =
        Resolve(KeyTable::kConnector, ToWrittenEntries(source.file, {stem}), problems);
    settings = Overlay(std::move(settings), name);
  }

  SecretResolver secrets(read_secret);
  ConnectorDraft draft{secrets};
  RowApplier applier(ConnectorRows(), draft, problems);
  applier.SetPlace(source.file, whole);
  if (showing == Showing::kHidden) applier.HideValues();
  applier.Apply(settings, Completeness::kWhole);
  TranslateConsumerProperties(settings, secrets.is_complete(), draft.config.subscription, problems);
  ValidateSubscription(settings, source, whole, problems);
  ValidateClientCertificate(settings, problems);
  ValidateProxy(settings, problems);
  ResolveAuth(settings, source.file, draft, problems);
  ValidateBody(settings, source.file, secrets.is_complete(), draft.config.endpoint, problems);
  ValidateStatusRules(settings, source.file, applier, draft, problems);
  ResolveBackoff(settings, source.file, draft, problems);
  ResolveSignature(settings, source.file, draft, problems);
  ValidateReservedHeaders(settings, draft.config.endpoint, problems);

  ConnectorResult result;
  result.references = secrets.references();
  if (!problems.HasErrors()) {
    WarnOfUnintendedSettings(settings, source.file, applier, draft.config, problems);
    WarnOfRetrySettings(settings, source.file, draft, problems);
  }
  if (!problems.HasErrors() && secrets.is_complete()) {
    ConnectorConfig& config = draft.config;
    if (config.subscription.group.empty()) config.subscription.group = "connect-" + config.name;
    config.subscription.excluded_topics = ExcludedTopics(config);
    AddCredentials(config.endpoint, secrets);
    config.secrets.assign(secrets.values().begin(), secrets.values().end());
    result.config = std::move(config);
  }
  result.problems = problems.Take();
  return result;
}

}  // namespace

ConnectorResult ParseConnector(const ConnectorSource& source, const FlatConfig& definition,
                               const FlatConfig& defaults, const std::string& defaults_file,
                               const ReadSecret* read_secret) {
  return Parse(source, definition, defaults, defaults_file, read_secret, Showing::kQuoted);
}

Problems FindProblems(const ConnectorSource& source, std::string_view toml) {
  auto definition = ReadToml(source.file, toml, KeepsHeaderTable);
  if (!definition) return definition.error();
  return Parse(source, *definition, {}, {}, nullptr, Showing::kHidden).problems;
}

ConnectorResult ParseConnectorToml(const ConnectorSource& source, std::string_view text,
                                   const FlatConfig& defaults, const std::string& defaults_file,
                                   const ReadSecret* read_secret) {
  auto definition = ReadToml(source.file, text, KeepsHeaderTable);
  if (!definition) return {std::nullopt, std::move(definition.error()), {}};
  return ParseConnector(source, *definition, defaults, defaults_file, read_secret);
}

}  // namespace khs::config
