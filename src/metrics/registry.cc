#include "metrics/registry.h"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>

#include "metrics/families.h"
#include "metrics/process_metrics.h"

namespace khs::metrics {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;

template <class Builder>
auto& Make(Builder builder, prometheus::Registry& registry, const char* name, const char* help) {
  return builder.Name(std::string("kafka_http_sink_") + name).Help(help).Register(registry);
}

}  // namespace

Registry::Families::Families(const BuildInfo& build)
    : build_info(Make(BuildGauge(), registry, "build_info", "What is running; always 1.")),
      config_files(Make(BuildGauge(), registry, "config_files",
                        "Connector definition files in the directory, by status.")),
      config_files_valid(config_files.Add({{"status", "valid"}})),
      config_files_invalid(config_files.Add({{"status", "invalid"}})),
      connectors_refused(
          Make(BuildGauge(), registry, "connectors_refused",
               "Connectors that do not run, or not by their new definition, because there are not "
               "enough file descriptors.")
              .Add({})),
      config_reloads(Make(BuildCounter(), registry, "config_reloads_total",
                          "Scans of the connector definitions, by outcome.")),
      last_reload_successful(Make(BuildGauge(), registry, "config_last_reload_successful",
                                  "1 when the last scan found all definitions valid.")
                                 .Add({})),
      last_reload_success(Make(BuildGauge(), registry,
                               "config_last_reload_success_timestamp_seconds",
                               "When a scan last found all definitions valid; 0 before the first.")
                              .Add({})),
      config_watch_errors(Make(BuildCounter(), registry, "config_watch_errors_total",
                               "Errors while watching the definitions for changes.")
                              .Add({})),
      config_watch_mode(Make(BuildGauge(), registry, "config_watch_mode",
                             "1 for the way in which definitions are watched.")),
      watch_by_inotify(config_watch_mode.Add({{"mode", "inotify"}})),
      watch_by_poll(config_watch_mode.Add({{"mode", "poll"}})),
      rest_requests(Make(BuildCounter(), registry, "rest_requests_total",
                         "Requests to the REST API by method and status.")),
      token_requests(Make(BuildCounter(), registry, "token_requests_total",
                          "Requests for access tokens, by outcome.")),
      token_requests_ok(token_requests.Add({{"outcome", "ok"}})),
      token_requests_failed(token_requests.Add({{"outcome", "failed"}})),
      token_expiry(Make(BuildGauge(), registry, "token_expiry_timestamp_seconds",
                        "When the first of the access tokens expires; 0 if that is unknown.")
                       .Add({})),
      connector_info(Make(BuildGauge(), registry, "connector_info",
                          "A connector's group, target and origin; always 1.")),
      connector_state(Make(BuildGauge(), registry, "connector_state",
                           "1 for the state that the connector is in, 0 for the others.")),
      connector_invalid(Make(BuildGauge(), registry, "connector_invalid",
                             "1 while the connector's newest definition is rejected.")),
      tasks_stopped(Make(BuildGauge(), registry, "tasks_stopped",
                         "Tasks that are FAILED, by their strategy or by a fault.")),
      task_stops(Make(BuildCounter(), registry, "task_stops_total",
                      "Stops of a connector's tasks, by strategy or by error.")),
      connector_restarts(Make(BuildCounter(), registry, "connector_restarts_total",
                              "Stops of a connector that were followed by a start, by reason.")),
      records_consumed(Make(BuildCounter(), registry, "records_consumed_total",
                            "Records that were read from Kafka.")),
      record_bytes_consumed(Make(BuildCounter(), registry, "record_bytes_consumed_total",
                                 "Bytes of keys, values and headers that were read from Kafka.")),
      records_delivered(Make(BuildCounter(), registry, "records_delivered_total",
                             "Records that the endpoint accepted.")),
      records_dropped(Make(BuildCounter(), registry, "records_dropped_total",
                           "Records that were dropped, by topic and reason.")),
      records_lost(
          Make(BuildCounter(), registry, "records_lost_total",
               "Records that were gone from Kafka before they were delivered, by reason.")),
      record_headers_left_out(
          Make(BuildCounter(), registry, "record_headers_left_out_total",
               "Record headers that HTTP forbids or the request sets, and were not forwarded.")),
      connections(Make(BuildCounter(), registry, "connections_total",
                       "Connections to the endpoint by outcome; stale: closed while it was kept.")),
      requests_resent(Make(BuildCounter(), registry, "requests_resent_total",
                           "Requests sent again, because a kept connection had ended.")),
      retries(Make(BuildCounter(), registry, "retries_total",
                   "Attempts that are made again, by what went wrong.")),
      requests(Make(BuildCounter(), registry, "requests_total",
                    "Attempts by the class of their status; none: there was no answer.")),
      responses_without_indicator(
          Make(BuildCounter(), registry, "responses_without_indicator_total",
               "Answers with status 2xx that lacked the required retry indicator.")),
      request_duration(Make(BuildHistogram(), registry, "request_duration_seconds",
                            "How long an attempt took.")),
      delivery_duration(Make(BuildHistogram(), registry, "delivery_duration_seconds",
                             "From reading a record to its outcome.")),
      record_age(Make(BuildHistogram(), registry, "record_age_seconds",
                      "From a record's timestamp to its delivery.")),
      requests_in_flight(Make(BuildGauge(), registry, "requests_in_flight", "Attempts under way.")),
      records_buffered(Make(BuildGauge(), registry, "records_buffered",
                            "Records that were read and are neither delivered nor dropped.")),
      record_bytes_buffered(
          Make(BuildGauge(), registry, "record_bytes_buffered", "Memory of the buffered records.")),
      records_waiting_retry(Make(BuildGauge(), registry, "records_waiting_retry",
                                 "Records that wait for their next attempt.")),
      dead_letter_records(Make(BuildCounter(), registry, "dead_letter_records_total",
                               "Attempts to produce a record to the dead letter queue, by "
                               "outcome.")),
      offset_commits(
          Make(BuildCounter(), registry, "offset_commits_total", "Offset commits by outcome.")),
      assigned_partitions(Make(BuildGauge(), registry, "assigned_partitions",
                               "Partitions that the group assigned to this process.")),
      consumer_lag(Make(BuildGauge(), registry, "consumer_lag_records",
                        "Records from the committed offset to the end of an assigned "
                        "partition's log.")),
      rebalances(Make(BuildCounter(), registry, "rebalances_total",
                      "Assignments and revocations by the group.")),
      last_delivery(Make(BuildGauge(), registry, "last_delivery_timestamp_seconds",
                         "When a record was last delivered; 0 before the first.")),
      last_error(Make(BuildGauge(), registry, "last_error_timestamp_seconds",
                      "When an attempt last went wrong; 0 before the first.")),
      kafka_errors(Make(BuildCounter(), registry, "kafka_errors_total",
                        "Errors that the Kafka client reported, by librdkafka's code.")) {
  constexpr std::array kNames{"changed", "unchanged", "partial", "failed"};
  for (size_t i = 0; i < kReloadOutcomes.size(); ++i) {
    reloads[i] = &config_reloads.Add({{"outcome", kNames[i]}});
  }
  // The series of usual answers exist from the start, others from their first answer on.
  for (const auto& [method, code] : {std::pair{"GET", "200"},
                                     {"POST", "201"},
                                     {"PUT", "200"},
                                     {"PATCH", "200"},
                                     {"DELETE", "204"}}) {
    rest_requests.Add({{"method", method}, {"code", code}});
  }
  build_info
      .Add({{"version", build.version},
            {"revision", build.revision},
            {"librdkafka", build.librdkafka}})
      .Set(1);
}

Registry::Registry(const BuildInfo& build) : families_(std::make_unique<Families>(build)) {}
Registry::~Registry() = default;

std::string Registry::Render() const {
  std::vector<prometheus::MetricFamily> families = families_->registry.Collect();
  std::ranges::move(CollectProcess(), std::back_inserter(families));
  return prometheus::TextSerializer().Serialize(families);
}

void Registry::Reloaded(ReloadOutcome outcome) {
  families_->reloads[static_cast<size_t>(outcome)]->Increment();
  const bool good = outcome == ReloadOutcome::kChanged || outcome == ReloadOutcome::kUnchanged;
  families_->last_reload_successful.Set(good ? 1 : 0);
  if (good) families_->last_reload_success.SetToCurrentTime();
}

void Registry::SetWatchMode(bool inotify) {
  families_->watch_by_inotify.Set(inotify ? 1 : 0);
  families_->watch_by_poll.Set(inotify ? 0 : 1);
}

void Registry::WatchFailed() { families_->config_watch_errors.Increment(); }

void Registry::RestRequested(std::string_view method, int code) {
  // A client must not be able to create series.
  constexpr std::array<std::string_view, 7> kMethods{"GET",   "HEAD",   "POST",   "PUT",
                                                     "PATCH", "DELETE", "OPTIONS"};
  const bool known = std::find(kMethods.begin(), kMethods.end(), method) != kMethods.end();
  families_->rest_requests
      .Add({{"method", known ? std::string(method) : "other"}, {"code", std::to_string(code)}})
      .Increment();
}

void Registry::TokenRequested(bool ok) {
  (ok ? families_->token_requests_ok : families_->token_requests_failed).Increment();
}

void Registry::SetTokenExpiry(std::optional<base::WallTime> expiry) {
  const std::chrono::duration<double> since_1970 =
      expiry ? expiry->time_since_epoch() : base::WallTime::duration(0);
  families_->token_expiry.Set(since_1970.count());
}

void Registry::SetConnectorsRefused(size_t count) {
  families_->connectors_refused.Set(static_cast<double>(count));
}

void Registry::SetConfigFiles(size_t valid, size_t invalid) {
  families_->config_files_valid.Set(static_cast<double>(valid));
  families_->config_files_invalid.Set(static_cast<double>(invalid));
}

}  // namespace khs::metrics
