#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/address_range.h"
#include "base/log.h"
#include "config/flat.h"
#include "config/problem.h"

namespace khs::config {

// The host and port of a listener. An IPv6 address has no brackets.
struct ListenAddress {
  std::string host;
  int port = 0;  // 0: the system chooses one

  bool operator==(const ListenAddress&) const = default;
};

// The files with the credentials of a listener's callers.
struct CredentialFiles {
  std::string basic;   // file with one `user:password` per line; empty: none
  std::string bearer;  // file with one token per line; empty: none

  bool empty() const { return basic.empty() && bearer.empty(); }
};

// The PEM files of a listener.
struct TlsFiles {
  std::string certificate;  // with its chain; empty: no TLS
  std::string key;          // empty: the certificate's file holds it
  std::string client_ca;    // callers need a certificate of these authorities; empty: no need
};

// The validated configuration of the process: sidecar.toml with the overrides of the environment.
// Nearly every key has a field.
struct ProcessConfig {
  // `kafka.*` without the prefix, with unresolved references; see ResolveProperties.
  std::map<std::string, std::string> kafka;
  std::string connectors_dir = "/etc/kafka-http-sink/connectors";
  std::chrono::milliseconds rescan_interval{30'000};
  std::chrono::milliseconds debounce{250};
  std::string state_dir = "/var/lib/kafka-http-sink";
  std::optional<ListenAddress> rest_listen;  // absent: off
  bool rest_auth_none = false;
  CredentialFiles rest_credentials;
  TlsFiles rest_tls;
  std::optional<ListenAddress> metrics_listen;  // absent: off
  std::vector<std::string> secrets_dirs;
  std::vector<base::AddressRange> disallowed_addresses;  // of endpoints, token URLs and proxies
  base::LogLevel log_level = base::LogLevel::kInfo;
  base::LogFormat log_format = base::LogFormat::kLogfmt;
  std::chrono::milliseconds shutdown_grace{20'000};
  // `defaults.*` without the prefix, validated as connector keys.
  FlatConfig defaults;
  // The positions of each `kafka.*` key (with its prefix) and each default, for later problems.
  FlatConfig entries;
};

// The outcome of parsing and validating sidecar.toml.
struct ProcessResult {
  std::optional<ProcessConfig> config;  // absent if a problem is an error
  Problems problems;
  // As configured, if valid, even with other errors, so that problems are logged accordingly.
  base::LogLevel log_level = base::LogLevel::kInfo;
  base::LogFormat log_format = base::LogFormat::kLogfmt;
};

// The names and values of environment variables.
using Environment = std::vector<std::pair<std::string, std::string>>;

struct ProcessOptions {
  // False if an embedded broker sets kafka.bootstrap.servers.
  bool bootstrap_servers_required = true;
};

// Parses and validates sidecar.toml (`definition`; empty if there is no file) and the overriding
// variables that start with KAFKA_HTTP_SINK_.
ProcessResult ParseProcess(const std::string& file, const FlatConfig& definition,
                           const Environment& environment, const ProcessOptions& options = {});

// Calls ReadToml and ParseProcess.
ProcessResult ParseProcessToml(const std::string& file, std::string_view text,
                               const Environment& environment, const ProcessOptions& options = {});

}  // namespace khs::config
