#include "metrics/connector_metrics.h"

#include <array>
#include <functional>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "metrics/families.h"

namespace khs::metrics {
namespace {

using connect::RunState;
using prometheus::Counter;
using prometheus::Gauge;
using prometheus::Histogram;
using Labels = std::map<std::string, std::string>;
using Buckets = Histogram::BucketBoundaries;

const Buckets kRequestBuckets{.001, .0025, .005, .01, .025, .05, .1, .25,
                              .5,   1,     2.5,  5,   10,   30,  60};
const Buckets kDeliveryBuckets{.001, .0025, .005, .01, .025, .05, .1,  .25, .5,  1,
                               2.5,  5,     10,   30,  60,   120, 300, 900, 3600};

constexpr std::array kStates{RunState::kUnassigned, RunState::kRunning, RunState::kPaused,
                             RunState::kStopped,    RunState::kFailed,  RunState::kRestarting};
constexpr std::array kDropReasons{delivery::DropReason::kResponseError,
                                  delivery::DropReason::kRetriesExhausted,
                                  delivery::DropReason::kTombstone, delivery::DropReason::kStatus,
                                  delivery::DropReason::kUnsendable};
constexpr std::array kErrorReasons{
    delivery::ErrorReason::kIndicator,   delivery::ErrorReason::kStatus,
    delivery::ErrorReason::kNoIndicator, delivery::ErrorReason::kTimeout,
    delivery::ErrorReason::kConnect,     delivery::ErrorReason::kDns,
    delivery::ErrorReason::kTls,         delivery::ErrorReason::kProxy,
    delivery::ErrorReason::kAuth,        delivery::ErrorReason::kIo};
constexpr std::array kRestartReasons{RestartReason::kConfig, RestartReason::kSecret,
                                     RestartReason::kApi, RestartReason::kError};
// librdkafka's codes for unreachable brokers and refused credentials. Their series exist from the
// start; those of other codes from the first error on.
constexpr std::array kCommonErrors{"_TRANSPORT",
                                   "_RESOLVE",
                                   "_ALL_BROKERS_DOWN",
                                   "_AUTHENTICATION",
                                   "_SSL",
                                   "SASL_AUTHENTICATION_FAILED",
                                   "TOPIC_AUTHORIZATION_FAILED",
                                   "GROUP_AUTHORIZATION_FAILED",
                                   "UNKNOWN_TOPIC_OR_PART",
                                   "_MAX_POLL_EXCEEDED"};
// Indexed by status / 100 - 1. A 1xx is never final, so its index counts attempts without an
// answer.
constexpr std::array kCodeClasses{"none", "2xx", "3xx", "4xx", "5xx"};

size_t CodeClass(const delivery::Reply& reply) {
  const auto* http = std::get_if<delivery::HttpReply>(&reply);
  if (http == nullptr || http->status < 200 || http->status > 599) return 0;
  return static_cast<size_t>(http->status / 100 - 1);
}

// Kafka Connect's name in lower case.
std::string Label(RunState state) {
  std::string label(connect::Name(state));
  for (char& c : label) c = static_cast<char>(c + ('a' - 'A'));
  return label;
}

}  // namespace

std::string_view Label(RestartReason reason) {
  switch (reason) {
    case RestartReason::kConfig:
      return "config";
    case RestartReason::kSecret:
      return "secret";
    case RestartReason::kApi:
      return "api";
    case RestartReason::kError:
      break;
  }
  return "error";
}

struct ConnectorMetrics::Series {
  Series(Registry::Families& all, const Identity& identity);
  ~Series() {
    for (const auto& remove : removals) remove();
    for (const auto& [partition, gauge] : lags) families.consumer_lag.Remove(gauge);
    families.connector_info.Remove(info);
  }
  Series(const Series&) = delete;
  Series& operator=(const Series&) = delete;

  // A series with the connector's label and `labels`, removed by the destructor.
  template <class Metric, class... Args>
  Metric* Own(prometheus::Family<Metric>& family, Labels labels = {}, const Args&... args) {
    labels.emplace("connector", connector);
    Metric* metric = &family.Add(labels, args...);
    removals.push_back([&family, metric] { family.Remove(metric); });
    return metric;
  }

  struct OfTopic {
    Counter* consumed;
    Counter* bytes_consumed;
    Counter* delivered;
    std::array<Counter*, delivery::kLossReasons.size()> lost;
    std::array<Counter*, kDropReasons.size()> dropped;
    bool active = false;  // a record came since the last reset
  };
  // Requires the lock, except in the constructor.
  Counter& ErrorSeries(const std::string& code, bool fatal) {
    Counter*& counter = kafka_errors[{code, fatal}];
    if (counter == nullptr) {
      counter = Own(families.kafka_errors, {{"code", code}, {"fatal", fatal ? "true" : "false"}});
    }
    return *counter;
  }
  // Requires the lock. The reference stays valid.
  OfTopic& TopicSeries(const std::string& topic);
  void SetInfo(const Identity& identity);

  Registry::Families& families;
  const std::string connector;
  std::mutex mutex;  // guards removals, topics, lags and kafka_errors
  std::vector<std::function<void()>> removals;
  std::map<std::string, OfTopic> topics;
  std::map<base::TopicPartition, Gauge*> lags;
  std::map<std::pair<std::string, bool>, Counter*> kafka_errors;

  std::array<Gauge*, kStates.size()> states{};
  std::array<Counter*, kErrorReasons.size()> retries{};
  std::array<Counter*, kCodeClasses.size()> requests{};
  std::array<Counter*, kRestartReasons.size()> restarts{};
  Gauge* info = nullptr;
  Gauge* invalid;
  Gauge* tasks_stopped;
  Counter* stops_by_strategy;
  Counter* stops_by_error;
  Counter* headers_left_out;
  Counter* connections_opened;
  Counter* connections_failed;
  Counter* connections_stale;
  Counter* resent;
  Counter* lacked_indicator;
  Histogram* request_duration;
  Histogram* delivery_duration;
  Histogram* record_age;
  Gauge* in_flight;
  Gauge* records_buffered;
  Gauge* bytes_buffered;
  Gauge* waiting_retry;
  Counter* dead_letters_produced;
  Counter* dead_letters_failed;
  Counter* commits_ok;
  Counter* commits_failed;
  Gauge* assigned;
  Counter* rebalances;
  Gauge* last_delivery;
  Gauge* last_error;
};

ConnectorMetrics::Series::Series(Registry::Families& all, const Identity& identity)
    : families(all),
      connector(identity.connector),
      invalid(Own(all.connector_invalid)),
      tasks_stopped(Own(all.tasks_stopped)),
      stops_by_strategy(Own(all.task_stops, {{"reason", "strategy"}})),
      stops_by_error(Own(all.task_stops, {{"reason", "error"}})),
      headers_left_out(Own(all.record_headers_left_out)),
      connections_opened(Own(all.connections, {{"outcome", "opened"}})),
      connections_failed(Own(all.connections, {{"outcome", "failed"}})),
      connections_stale(Own(all.connections, {{"outcome", "stale"}})),
      resent(Own(all.requests_resent)),
      lacked_indicator(Own(all.responses_without_indicator)),
      request_duration(Own(all.request_duration, {}, kRequestBuckets)),
      delivery_duration(Own(all.delivery_duration, {}, kDeliveryBuckets)),
      record_age(Own(all.record_age, {}, kDeliveryBuckets)),
      in_flight(Own(all.requests_in_flight)),
      records_buffered(Own(all.records_buffered)),
      bytes_buffered(Own(all.record_bytes_buffered)),
      waiting_retry(Own(all.records_waiting_retry)),
      dead_letters_produced(Own(all.dead_letter_records, {{"outcome", "produced"}})),
      dead_letters_failed(Own(all.dead_letter_records, {{"outcome", "failed"}})),
      commits_ok(Own(all.offset_commits, {{"outcome", "ok"}})),
      commits_failed(Own(all.offset_commits, {{"outcome", "failed"}})),
      assigned(Own(all.assigned_partitions)),
      rebalances(Own(all.rebalances)),
      last_delivery(Own(all.last_delivery)),
      last_error(Own(all.last_error)) {
  SetInfo(identity);
  for (const char* code : kCommonErrors) ErrorSeries(code, false);
  for (size_t i = 0; i < kRestartReasons.size(); ++i) {
    restarts[i] = Own(all.connector_restarts, {{"reason", std::string(Label(kRestartReasons[i]))}});
  }
  for (size_t i = 0; i < kStates.size(); ++i) {
    states[i] = Own(all.connector_state, {{"state", Label(kStates[i])}});
  }
  for (size_t i = 0; i < kErrorReasons.size(); ++i) {
    retries[i] = Own(all.retries, {{"reason", std::string(Label(kErrorReasons[i]))}});
  }
  for (size_t i = 0; i < kCodeClasses.size(); ++i) {
    requests[i] = Own(all.requests, {{"code_class", kCodeClasses[i]}});
  }
}

void ConnectorMetrics::Series::SetInfo(const Identity& identity) {
  Gauge* const before = info;
  info = &families.connector_info.Add({{"connector", connector},
                                       {"group", identity.group},
                                       {"target_host", identity.target_host},
                                       {"origin", identity.origin}});
  info->Set(1);
  if (before != nullptr && before != info) families.connector_info.Remove(before);
}

ConnectorMetrics::Series::OfTopic& ConnectorMetrics::Series::TopicSeries(const std::string& topic) {
  const auto known = topics.find(topic);
  if (known != topics.end()) return known->second;
  OfTopic made{Own(families.records_consumed, {{"topic", topic}}),
               Own(families.record_bytes_consumed, {{"topic", topic}}),
               Own(families.records_delivered, {{"topic", topic}}),
               {},
               {}};
  for (const delivery::LossReason reason : delivery::kLossReasons) {
    made.lost[static_cast<size_t>(reason)] =
        Own(families.records_lost,
            {{"topic", topic}, {"reason", std::string(delivery::Label(reason))}});
  }
  for (size_t i = 0; i < kDropReasons.size(); ++i) {
    made.dropped[i] = Own(families.records_dropped,
                          {{"topic", topic}, {"reason", std::string(Label(kDropReasons[i]))}});
  }
  return topics.emplace(topic, made).first->second;
}

ConnectorMetrics::ConnectorMetrics(Registry& registry, const Identity& identity)
    : series_(std::make_unique<Series>(*registry.families_, identity)) {}
ConnectorMetrics::~ConnectorMetrics() = default;

void ConnectorMetrics::AddTopic(const std::string& topic) {
  const std::lock_guard lock(series_->mutex);
  series_->TopicSeries(topic);
}

void ConnectorMetrics::Consumed(const std::string& topic, size_t bytes) {
  const std::lock_guard lock(series_->mutex);
  Series::OfTopic& of_topic = series_->TopicSeries(topic);
  of_topic.active = true;
  of_topic.consumed->Increment();
  of_topic.bytes_consumed->Increment(static_cast<double>(bytes));
}

std::vector<std::string> ConnectorMetrics::ActiveTopics() const {
  const std::lock_guard lock(series_->mutex);
  std::vector<std::string> names;
  for (const auto& [name, of_topic] : series_->topics) {
    if (of_topic.active) names.push_back(name);
  }
  return names;
}

void ConnectorMetrics::ResetActiveTopics() {
  const std::lock_guard lock(series_->mutex);
  for (auto& [name, of_topic] : series_->topics) of_topic.active = false;
}

void ConnectorMetrics::Delivered(const std::string& topic, std::chrono::duration<double> since_read,
                                 std::optional<std::chrono::duration<double>> age) {
  {
    const std::lock_guard lock(series_->mutex);
    series_->TopicSeries(topic).delivered->Increment();
  }
  series_->delivery_duration->Observe(since_read.count());
  if (age) series_->record_age->Observe(age->count());
  series_->last_delivery->SetToCurrentTime();
}

void ConnectorMetrics::Dropped(const std::string& topic, delivery::DropReason reason,
                               std::chrono::duration<double> since_read) {
  {
    const std::lock_guard lock(series_->mutex);
    series_->TopicSeries(topic).dropped[static_cast<size_t>(reason)]->Increment();
  }
  if (reason != delivery::DropReason::kTombstone) errors_->AddDrop();
  series_->delivery_duration->Observe(since_read.count());
}

void ConnectorMetrics::Lost(const std::string& topic, delivery::LossReason reason,
                            int64_t records) {
  const std::lock_guard lock(series_->mutex);
  series_->TopicSeries(topic).lost[static_cast<size_t>(reason)]->Increment(
      static_cast<double>(records));
}

void ConnectorMetrics::Retried(delivery::ErrorReason reason) {
  series_->retries[static_cast<size_t>(reason)]->Increment();
  errors_->AddRetry();
}

void ConnectorMetrics::Requested(const delivery::Reply& reply,
                                 std::chrono::duration<double> duration) {
  series_->requests[CodeClass(reply)]->Increment();
  series_->request_duration->Observe(duration.count());
}

void ConnectorMetrics::Failed(connect::RecordError error) {
  series_->last_error->SetToCurrentTime();
  errors_->SetLast(std::move(error));
}

void ConnectorMetrics::HeadersLeftOut(int count) { series_->headers_left_out->Increment(count); }

void ConnectorMetrics::Connected(int opened, int failed, int stale) {
  if (opened > 0) series_->connections_opened->Increment(opened);
  if (failed > 0) series_->connections_failed->Increment(failed);
  if (stale == 0) return;
  series_->connections_stale->Increment(stale);
  series_->resent->Increment(stale);
}

void ConnectorMetrics::LackedIndicator() { series_->lacked_indicator->Increment(); }

void ConnectorMetrics::DeadLetter(bool produced) {
  (produced ? series_->dead_letters_produced : series_->dead_letters_failed)->Increment();
}

void ConnectorMetrics::SetIdentity(const Identity& identity) { series_->SetInfo(identity); }

void ConnectorMetrics::Restarted(RestartReason reason) {
  series_->restarts[static_cast<size_t>(reason)]->Increment();
}

void ConnectorMetrics::SetState(RunState state) {
  for (size_t i = 0; i < kStates.size(); ++i) series_->states[i]->Set(kStates[i] == state ? 1 : 0);
}

void ConnectorMetrics::SetInvalid(bool invalid) { series_->invalid->Set(invalid ? 1 : 0); }

void ConnectorMetrics::SetTasksStopped(size_t count) {
  series_->tasks_stopped->Set(static_cast<double>(count));
}

void ConnectorMetrics::TaskStopped(bool by_strategy) {
  (by_strategy ? series_->stops_by_strategy : series_->stops_by_error)->Increment();
}

void ConnectorMetrics::AddInFlight(int change) { series_->in_flight->Increment(change); }

void ConnectorMetrics::AddBuffered(long records, long bytes, long waiting_retry) {
  series_->records_buffered->Increment(static_cast<double>(records));
  series_->bytes_buffered->Increment(static_cast<double>(bytes));
  series_->waiting_retry->Increment(static_cast<double>(waiting_retry));
}

void ConnectorMetrics::AddAssigned(long change) {
  series_->assigned->Increment(static_cast<double>(change));
}

void ConnectorMetrics::SetLag(const base::TopicPartition& partition,
                              std::optional<int64_t> records) {
  const std::lock_guard lock(series_->mutex);
  prometheus::Family<Gauge>& family = series_->families.consumer_lag;
  const auto known = series_->lags.find(partition);
  if (!records) {
    if (known == series_->lags.end()) return;
    family.Remove(known->second);
    series_->lags.erase(known);
    return;
  }
  Gauge* gauge = known != series_->lags.end() ? known->second : nullptr;
  if (gauge == nullptr) {
    gauge = &family.Add({{"connector", series_->connector},
                         {"topic", partition.topic},
                         {"partition", std::to_string(partition.partition)}});
    series_->lags.emplace(partition, gauge);
  }
  gauge->Set(static_cast<double>(*records));
}

void ConnectorMetrics::Rebalanced() { series_->rebalances->Increment(); }

void ConnectorMetrics::CommitEnded(bool ok) {
  (ok ? series_->commits_ok : series_->commits_failed)->Increment();
}

void ConnectorMetrics::KafkaError(const std::string& code, bool fatal) {
  const std::lock_guard lock(series_->mutex);
  series_->ErrorSeries(code, fatal).Increment();
}

}  // namespace khs::metrics
