#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>

#include "metrics/registry.h"

namespace khs::metrics {

inline constexpr std::array kReloadOutcomes{ReloadOutcome::kChanged, ReloadOutcome::kUnchanged,
                                            ReloadOutcome::kPartial, ReloadOutcome::kFailed};

// Every metric family by name; private to the room.
struct Registry::Families {
  explicit Families(const BuildInfo& build);

  prometheus::Registry registry;

  using Counters = prometheus::Family<prometheus::Counter>;
  using Gauges = prometheus::Family<prometheus::Gauge>;
  using Histograms = prometheus::Family<prometheus::Histogram>;

  Gauges& build_info;
  Gauges& config_files;
  prometheus::Gauge& config_files_valid;
  prometheus::Gauge& config_files_invalid;

  prometheus::Gauge& connectors_refused;
  Counters& config_reloads;
  std::array<prometheus::Counter*, kReloadOutcomes.size()> reloads{};
  prometheus::Gauge& last_reload_successful;
  prometheus::Gauge& last_reload_success;
  prometheus::Counter& config_watch_errors;
  Gauges& config_watch_mode;
  prometheus::Gauge& watch_by_inotify;
  prometheus::Gauge& watch_by_poll;
  Counters& rest_requests;
  Counters& token_requests;
  prometheus::Counter& token_requests_ok;
  prometheus::Counter& token_requests_failed;
  prometheus::Gauge& token_expiry;

  Gauges& connector_info;
  Gauges& connector_state;
  Gauges& connector_invalid;
  Gauges& tasks_stopped;
  Counters& task_stops;
  Counters& connector_restarts;
  Counters& records_consumed;
  Counters& record_bytes_consumed;
  Counters& records_delivered;
  Counters& records_dropped;
  Counters& records_lost;
  Counters& record_headers_left_out;
  Counters& connections;
  Counters& requests_resent;
  Counters& retries;
  Counters& requests;
  Counters& responses_without_indicator;
  Histograms& request_duration;
  Histograms& delivery_duration;
  Histograms& record_age;
  Gauges& requests_in_flight;
  Gauges& records_buffered;
  Gauges& record_bytes_buffered;
  Gauges& records_waiting_retry;
  Counters& dead_letter_records;
  Counters& offset_commits;
  Gauges& assigned_partitions;
  Gauges& consumer_lag;
  Counters& rebalances;
  Gauges& last_delivery;
  Gauges& last_error;
  Counters& kafka_errors;
};

}  // namespace khs::metrics
