#include "config/process_keys.h"

#include <array>
#include <string>
#include <vector>

#include "config/listen_address.h"
#include "config/row_setters.h"

namespace khs::config {
namespace {

using enum KeyType;
using enum Importance;

constexpr auto kCredentials = &ProcessConfig::rest_credentials;
constexpr auto kTls = &ProcessConfig::rest_tls;

Outcome SetKafkaProperty(const Value& value, ProcessDraft& draft) {
  if (value.member == "group.id") {
    return Misused(
        "Every connector has a group of its own, connect-NAME: write consumer.override.group.id "
        "in a connector to change it");
  }
  draft.config.kafka.emplace(value.member, value.text);
  return Accepted();
}

Outcome SetBootstrapServers(const Value& value, ProcessDraft& draft) {
  std::string servers;
  for (const std::string& server : value.list) {
    if (server.empty()) return Invalid("a server is missing between two commas");
    servers += (servers.empty() ? "" : ",") + server;
  }
  if (servers.empty()) return Invalid("String may not be empty");
  draft.config.kafka.insert_or_assign("bootstrap.servers", servers);
  return Accepted();
}

Outcome SetConnectorsDir(const Value& value, ProcessDraft& draft) {
  if (value.text.empty()) return Invalid("String may not be empty");
  return SetPath(value, draft.config.connectors_dir);
}

Outcome SetListener(const Value& value, std::optional<ListenAddress>& target) {
  if (Trim(value.text).empty()) {
    target.reset();
    return Accepted();
  }
  target = ParseListenAddress(value.text);
  if (target) return Accepted();
  return Invalid("write host:port, [IPv6 address]:port, or nothing to turn the listener off");
}

Outcome SetSecretsDirs(const Value& value, ProcessDraft& draft) {
  for (const std::string& dir : value.list) {
    if (!dir.starts_with('/')) return Invalid("each directory is an absolute path");
  }
  draft.config.secrets_dirs = value.list;
  return Accepted();
}

Outcome SetDisallowedAddresses(const Value& value, ProcessDraft& draft) {
  std::vector<base::AddressRange> ranges;
  for (const std::string& text : value.list) {
    const auto range = base::AddressRange::Parse(text);
    if (!range) {
      return Invalid('"' + Abbreviate(text) +
                     "\" is not a range of addresses, such as 10.0.0.0/8 or fc00::/7");
    }
    ranges.push_back(*range);
  }
  draft.config.disallowed_addresses = std::move(ranges);
  return Accepted();
}

Outcome SetLogLevel(const Value& value, ProcessDraft& draft) {
  using base::LogLevel;
  constexpr std::array<std::pair<std::string_view, LogLevel>, 6> kLevels = {
      {{"trace", LogLevel::kTrace},
       {"debug", LogLevel::kDebug},
       {"info", LogLevel::kInfo},
       {"warn", LogLevel::kWarn},
       {"error", LogLevel::kError},
       {"fatal", LogLevel::kFatal}}};
  return SetChoice(value, kLevels, draft.config.log_level);
}

Outcome SetLogFormat(const Value& value, ProcessDraft& draft) {
  using base::LogFormat;
  constexpr std::array<std::pair<std::string_view, LogFormat>, 2> kFormats = {
      {{"logfmt", LogFormat::kLogfmt}, {"json", LogFormat::kJson}}};
  return SetChoice(value, kFormats, draft.config.log_format);
}

const Row<ProcessDraft> kRows[] = {
    {.key = {.key = "kafka.bootstrap.servers",
             .type = kList,
             .required = true,
             .importance = kHigh,
             .group = "Kafka",
             .documentation = "The brokers, `host:port` each, 100 at most."},
     .apply = SetBootstrapServers,
     .references = References::kKept},
    {.key = {.key = "kafka.*",
             .importance = kHigh,
             .group = "Kafka",
             .documentation = "librdkafka's properties for every client (SASL, TLS and so on), "
                              "passed on unchanged, except for *Secrets*."},
     .apply = SetKafkaProperty,
     .shape = Shape::kAnyScalar,
     .secret = true,
     .references = References::kKept},
    {.key = {.key = "connectors.dir",
             .default_value = "/etc/kafka-http-sink/connectors",
             .importance = kHigh,
             .group = "Definitions",
             .documentation = "The watched directory: every `*.toml` in it that does not start "
                              "with a dot is one connector."},
     .apply = SetConnectorsDir},
    {.key = {.key = "connectors.rescan.interval.ms",
             .type = kInt,
             .default_value = "30000",
             .importance = kLow,
             .group = "Definitions",
             .documentation = "A full rescan even without an event."},
     .apply = Store<SetMilliseconds, &ProcessConfig::rescan_interval>},
    {.key = {.key = "connectors.debounce.ms",
             .type = kInt,
             .default_value = "250",
             .importance = kLow,
             .group = "Definitions",
             .documentation = "Quiet time after the last event before anything is done; at most "
                              "ten times this in total. 0 to 60000."},
     .apply = Store<SetNumber<0, 60'000, std::chrono::milliseconds>, &ProcessConfig::debounce>},
    {.key = {.key = "state.dir",
             .default_value = "/var/lib/kafka-http-sink",
             .group = "Definitions",
             .documentation = "Connectors made through REST and the target states (paused, "
                              "stopped); empty keeps them in memory only."},
     .apply = Store<SetPath, &ProcessConfig::state_dir>},
    {.key = {.key = "rest.listen",
             .default_value = "127.0.0.1:8083",
             .importance = kHigh,
             .group = "REST",
             .documentation = "The REST API: `host:port` or `[v6]:port`; empty turns it off."},
     .apply = Store<SetListener, &ProcessConfig::rest_listen>},
    {.key = {.key = "rest.auth.basic.file",
             .group = "REST",
             .documentation = "Credentials, one `user:password` a line. See *Who may call*."},
     .apply = Store<SetPath, kCredentials, &CredentialFiles::basic>},
    {.key = {.key = "rest.auth.bearer.file",
             .group = "REST",
             .documentation = "Credentials, one token a line. See *Who may call*."},
     .apply = Store<SetPath, kCredentials, &CredentialFiles::bearer>},
    {.key = {.key = "rest.auth.none",
             .type = kBoolean,
             .default_value = "false",
             .group = "REST",
             .documentation = "Must be true to listen beyond loopback without credentials."},
     .apply = Store<SetBoolean, &ProcessConfig::rest_auth_none>},
    {.key = {.key = "rest.tls.certificate.file",
             .group = "REST",
             .documentation = "The server's certificate with its chain as PEM, for HTTPS."},
     .apply = Store<SetPath, kTls, &TlsFiles::certificate>},
    {.key = {.key = "rest.tls.key.file",
             .group = "REST",
             .documentation = "The certificate's private key as PEM; by default it is in the "
                              "certificate's file."},
     .apply = Store<SetPath, kTls, &TlsFiles::key>},
    {.key = {.key = "rest.tls.client.ca.file",
             .group = "REST",
             .documentation = "Callers need a certificate of these CAs, as PEM."},
     .apply = Store<SetPath, kTls, &TlsFiles::client_ca>},
    {.key = {.key = "metrics.listen",
             .default_value = "0.0.0.0:9404",
             .importance = kHigh,
             .group = "Metrics",
             .documentation = "The read-only listener: `/metrics`, `/livez`, `/readyz`, "
                              "`/startupz`; empty turns it off."},
     .apply = Store<SetListener, &ProcessConfig::metrics_listen>},
    {.key = {.key = "secrets.dirs",
             .type = kList,
             .default_value = "/etc/kafka-http-sink/secrets",
             .group = "Secrets",
             .documentation = "The only places that `${file:...}` and `${dir:...}` may read. See "
                              "*Secrets*."},
     .apply = SetSecretsDirs},
    {.key = {.key = "endpoint.disallow.cidr.ranges",
             .type = kList,
             .default_value = "",
             .group = "Endpoints",
             .documentation =
                 "Addresses that no connector may connect to, as endpoint, token URL or proxy, "
                 "such as `169.254.0.0/16,fd00::/8`. See *Disallowed addresses*."},
     .apply = SetDisallowedAddresses},
    {.key = {.key = "log.level",
             .default_value = "info",
             .group = "Log",
             .documentation = "`trace`, `debug`, `info`, `warn`, `error` or `fatal`."},
     .apply = SetLogLevel},
    {.key = {.key = "log.format",
             .default_value = "logfmt",
             .group = "Log",
             .documentation = "`logfmt` or `json`; to stderr."},
     .apply = SetLogFormat},
    {.key = {.key = "shutdown.grace.ms",
             .type = kInt,
             .default_value = "20000",
             .group = "Process",
             .documentation = "The bound of a drain; at least 1. A process that still hangs 10 s "
                              "later exits with code 1."},
     .apply = Store<SetMilliseconds, &ProcessConfig::shutdown_grace>},
    {.key = {.key = "defaults.*",
             .group = "Definitions",
             .documentation = "Any connector key but `name`, `topics` and `topics.regex`: its "
                              "default for every connector."}},
};

}  // namespace

std::span<const Row<ProcessDraft>> ProcessRows() { return kRows; }

std::span<const KeyDefinition> ProcessKeys() {
  static const std::vector<KeyDefinition> keys = Definitions(ProcessRows());
  return keys;
}

}  // namespace khs::config
