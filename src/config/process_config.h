#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "config/flat.h"
#include "config/problem.h"

namespace khs::config {

// A listener's `host:port`, split; the host may be an IPv6 address (written in brackets).
struct ListenAddress {
  std::string host;
  int port = 0;  // 0: the system chooses

  bool operator==(const ListenAddress&) const = default;
};

// Who may call REST, by files; empty: that is not asked for.
struct RestAccess {
  std::string basic_file;
  std::string bearer_file;
  std::string certificate_file;  // HTTPS
  std::string key_file;          // empty: the key stands in the certificate's file
  std::string client_ca_file;
};

// sidecar.toml with the environment's overrides.
struct ProcessConfig {
  // `kafka.*` without the prefix, for every client; ResolveProperties makes them ready for use.
  std::map<std::string, std::string> kafka;
  std::string connectors_dir = "/etc/kafka-http-sink/connectors";
  std::chrono::milliseconds rescan_interval{30'000};
  std::chrono::milliseconds debounce{250};
  std::string state_dir = "/var/lib/kafka-http-sink";
  std::optional<ListenAddress> rest_listen;  // absent: off
  bool rest_auth_none = false;
  RestAccess rest_access;
  std::optional<ListenAddress> metrics_listen;  // absent: off
  std::vector<std::string> secrets_dirs;
  base::LogLevel log_level = base::LogLevel::kInfo;
  base::LogFormat log_format = base::LogFormat::kLogfmt;
  std::chrono::milliseconds shutdown_grace{20'000};
  // `defaults.*` without the prefix, judged as connector keys.
  FlatConfig defaults;
  // Where each `kafka.*` key (with its prefix) and each default was written, for later problems.
  FlatConfig entries;
};

struct ProcessResult {
  std::optional<ProcessConfig> config;  // absent when a problem is an error
  Problems problems;
  // As they were asked for, as far as that can be read, so that the problems are said that way.
  base::LogLevel log_level = base::LogLevel::kInfo;
  base::LogFormat log_format = base::LogFormat::kLogfmt;
};

using Environment = std::vector<std::pair<std::string, std::string>>;

struct ProcessOptions {
  // An embedded broker supplies kafka.bootstrap.servers.
  bool bootstrap_servers_required = true;
};

// Judges sidecar.toml (`definition` as read; empty when there is no file) and then the variables
// that start with KAFKA_HTTP_SINK_, which override it.
ProcessResult ParseProcess(const std::string& file, const FlatConfig& definition,
                           const Environment& environment, const ProcessOptions& options = {});

ProcessResult ParseProcessToml(const std::string& file, std::string_view text,
                               const Environment& environment, const ProcessOptions& options = {});

}  // namespace khs::config
