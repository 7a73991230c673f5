#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "config/auth_config.h"
#include "config/flat.h"
#include "config/problem.h"
#include "config/secrets.h"
#include "config/template.h"
#include "delivery/policy.h"

namespace khs::config {

// TLS to the endpoint: trusted CAs and the client certificate.
struct TlsConfig {
  std::string ca_location;  // empty: the system's CAs
  std::string certificate_location;
  std::string key_location;
  bool verify = true;
  size_t content = 0;  // a hash of the files' content, because files may be replaced in place
  base::Secret key_password = {};  // empty: the key is not encrypted

  bool operator==(const TlsConfig&) const = default;
};

// The HTTP proxy of a connector's requests.
struct ProxyConfig {
  std::string host;  // empty: no proxy
  uint16_t port = 0;
  base::Secret user = {};
  base::Secret password = {};
  bool always_tunnels = false;  // by CONNECT even without TLS

  bool operator==(const ProxyConfig&) const = default;
};

// A key that signs requests.
struct SigningKey {
  enum class Algorithm { kHmacSha256, kEd25519 };

  Algorithm algorithm = Algorithm::kHmacSha256;
  // Of kEd25519: the 32 bytes of the private key, perhaps with those of the public key.
  base::Secret bytes;

  bool operator==(const SigningKey&) const = default;
};

// How requests are signed.
struct SignatureConfig {
  enum class Type { kNone, kStandardWebhooks, kGithub, kStripe };

  Type type = Type::kNone;
  std::vector<SigningKey> keys;  // all of them sign

  bool operator==(const SignatureConfig&) const = default;
};

// Whether requests are CloudEvents, and the attributes of records that are not events themselves.
struct CloudEventsConfig {
  enum class Mode { kNone, kBinary, kStructured };

  Mode mode = Mode::kNone;
  Template type = {};
  Template source = {};

  bool operator==(const CloudEventsConfig&) const = default;
};

// A connector's endpoint, and the form of its requests. Nearly every key has a field.
struct EndpointConfig {
  base::Secret url;  // has the letter x for each template
  // The same with its templates, which are in path and query only.
  Template url_template = {};
  bool host_is_secret = false;  // the URL's host and port must not be shown
  std::string method = "POST";  // upper case
  std::vector<std::pair<std::string, Template>> headers;
  // The Content-Type if `headers` has none.
  std::string default_content_type;
  std::chrono::milliseconds connect_timeout{60'000};
  // From the first byte of the request to the last byte of the response.
  std::chrono::milliseconds read_timeout{60'000};
  std::chrono::seconds connection_max_age{300};  // 0: unlimited
  bool forward_kafka_headers = false;
  std::optional<Template> body = {};  // absent: the record's value
  bool body_is_json = false;          // by its Content-Type; only if there is a `body`
  CloudEventsConfig cloud_events = {};
  SignatureConfig signature = {};
  TlsConfig tls;
  ProxyConfig proxy;
  AuthConfig auth = {};

  bool operator==(const EndpointConfig&) const = default;
};

// The topics and consumer group of a connector.
struct SubscriptionConfig {
  std::vector<std::string> topics;  // empty if topics_regex is set
  std::string topics_regex;
  // Topics that topics_regex must not match: Kafka's internal topics and the connector's own dead
  // letter topic. Empty if topics_regex is not set.
  std::vector<std::string> excluded_topics;
  std::string group;
  // `consumer.override.*` without the prefix, and without group.id.
  std::map<std::string, base::Secret> consumer_properties;

  bool operator==(const SubscriptionConfig&) const = default;
};

// The dead letter queue.
struct DeadLetterConfig {
  std::string topic;            // empty: none
  bool context_headers = true;  // headers with the record's origin and the error

  bool operator==(const DeadLetterConfig&) const = default;
};

// The validated configuration of a connector.
struct ConnectorConfig {
  std::string name;
  // The process's `kafka.*`, which `consumer.override.*` overrides. Filled in by the caller with
  // the result of ResolveProperties.
  std::map<std::string, base::Secret> kafka;
  size_t kafka_files = 0;  // a hash of the files that the clients' properties name
  int tasks_max = 1;
  SubscriptionConfig subscription;
  EndpointConfig endpoint;
  delivery::Policy policy;
  DeadLetterConfig dead_letters;
  std::chrono::milliseconds offset_flush_interval{1000};
  // All secrets of the definition, which nothing may show that others wrote.
  std::vector<base::Secret> secrets = {};

  bool operator==(const ConnectorConfig&) const = default;
};

// The origin of a definition.
struct ConnectorSource {
  std::string file;          // for problems
  std::string default_name;  // the file's stem
};

// The outcome of parsing and validating a definition.
struct ConnectorResult {
  // Absent if a problem is an error, or if its secrets were not read.
  std::optional<ConnectorConfig> config;
  Problems problems;            // errors and warnings, in the order of the file
  SecretReferences references;  // of the definition and the defaults it uses, also with errors
};

// Parses and validates a definition. `defaults` (`defaults.*` without the prefix) apply to keys
// that the definition does not set; a problem with a default has its position in `defaults_file`.
// Problems never quote secrets. Without `read_secret` only the syntax of references is validated.
ConnectorResult ParseConnector(const ConnectorSource& source, const FlatConfig& definition,
                               const FlatConfig& defaults = {},
                               const std::string& defaults_file = {},
                               const ReadSecret* read_secret = nullptr);

// Calls ReadToml and ParseConnector.
ConnectorResult ParseConnectorToml(const ConnectorSource& source, std::string_view text,
                                   const FlatConfig& defaults = {},
                                   const std::string& defaults_file = {},
                                   const ReadSecret* read_secret = nullptr);

}  // namespace khs::config
