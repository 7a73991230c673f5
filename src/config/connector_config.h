#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "config/flat.h"
#include "config/problem.h"
#include "config/secrets.h"
#include "delivery/policy.h"

namespace khs::config {

struct TlsConfig {
  std::string ca_location;  // empty: the system's
  std::string certificate_location;
  std::string key_location;
  bool verify = true;
  size_t content = 0;  // of the files, as a fingerprint: they may be replaced under their names
  base::Secret key_password = {};  // empty: the key is not encrypted

  bool operator==(const TlsConfig&) const = default;
};

// What a connector's requests go through.
struct ProxyConfig {
  std::string host;  // empty: they go straight to the endpoint
  uint16_t port = 0;
  base::Secret user = {};
  base::Secret password = {};

  bool operator==(const ProxyConfig&) const = default;
};

// Where a connector's records go and how a request to it looks.
struct EndpointConfig {
  base::Secret url;
  bool host_is_secret = false;  // host and port of the URL are not to be shown either
  std::string method = "POST";  // upper case
  std::vector<std::pair<std::string, base::Secret>> headers;
  // What is sent as Content-Type when the headers above have none.
  std::string default_content_type;
  std::chrono::milliseconds connect_timeout{60'000};
  std::chrono::milliseconds read_timeout{60'000};
  std::chrono::seconds connection_max_age{300};  // 0: unlimited
  bool forward_kafka_headers = false;
  TlsConfig tls;
  ProxyConfig proxy;

  bool operator==(const EndpointConfig&) const = default;
};

// What a connector consumes.
struct SubscriptionConfig {
  std::vector<std::string> topics;  // empty when there is a regular expression
  std::string topics_regex;
  // What topics_regex never matches: Kafka's internal topics and the connector's own dead letter
  // topic. Empty when there is no regular expression.
  std::vector<std::string> excluded_topics;
  std::string group;
  // Of `consumer.override.*`, without the prefix and without group.id.
  std::map<std::string, base::Secret> consumer_properties;

  bool operator==(const SubscriptionConfig&) const = default;
};

// Where dropped records go.
struct DeadLetterConfig {
  std::string topic;            // empty: nowhere
  bool context_headers = true;  // that say where they come from and why

  bool operator==(const DeadLetterConfig&) const = default;
};

struct ConnectorConfig {
  std::string name;
  // The process's `kafka.*`, below `consumer.override.*`. Not judged here: see ResolveProperties.
  std::map<std::string, base::Secret> kafka;
  size_t kafka_files = 0;  // a fingerprint of the files that the clients' properties name
  int tasks_max = 1;
  SubscriptionConfig subscription;
  EndpointConfig endpoint;
  delivery::Policy policy;
  DeadLetterConfig dead_letters;
  std::chrono::milliseconds offset_flush_interval{1000};

  bool operator==(const ConnectorConfig&) const = default;
};

// Where a definition comes from.
struct ConnectorSource {
  std::string file;          // for problems
  std::string default_name;  // the file's stem
};

struct ConnectorResult {
  // Absent when a problem is an error, or when there was nothing to read its secrets with.
  std::optional<ConnectorConfig> config;
  Problems problems;            // errors and warnings, in the order of the file
  SecretReferences references;  // of the definition and of the defaults that it uses, errors or not
};

// Judges a definition against the table of keys. `defaults` (of `defaults.*`, without the prefix)
// stand in for keys that the definition does not set; a problem with a default's value names where
// the default was written, `defaults_file` and its position. No problem quotes what `read_secret`
// answers; with null the references to secrets are judged by their syntax.
ConnectorResult ParseConnector(const ConnectorSource& source, const FlatConfig& definition,
                               const FlatConfig& defaults = {},
                               const std::string& defaults_file = {},
                               const ReadSecret* read_secret = nullptr);

// ReadToml and ParseConnector.
ConnectorResult ParseConnectorToml(const ConnectorSource& source, std::string_view text,
                                   const FlatConfig& defaults = {},
                                   const std::string& defaults_file = {},
                                   const ReadSecret* read_secret = nullptr);

}  // namespace khs::config
