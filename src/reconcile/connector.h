#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/connector_config.h"
#include "connect/worker.h"
#include "metrics/connector_metrics.h"
#include "reconcile/descriptor_budget.h"
#include "reconcile/desired.h"
#include "reconcile/difference.h"
#include "reconcile/phase.h"
#include "task/task.h"

namespace khs::reconcile {

// Factories for what connects a connector to Kafka and its endpoint. Tests bring their own.
struct Connections {
  // The consumer of one task.
  std::function<std::unique_ptr<task::RecordSource>(const config::ConnectorConfig&, int task)>
      make_source;
  // The endpoint client of one task.
  std::function<std::unique_ptr<task::Endpoint>(const config::ConnectorConfig&)> make_endpoint;
  // The route of one task. It keeps the connections of the route `before` (null: none) where both
  // lead to the same origin. Throws std::exception when the definition can't be used.
  std::function<task::Route(const config::ConnectorConfig&, const task::Route* before)> make_route;
  // The dead letter queue of one task; null when the connector has none.
  std::function<std::shared_ptr<task::DeadLetterQueue>(const config::ConnectorConfig&, int task)>
      make_dead_letters;
  // The file descriptors of the process; null: unlimited.
  std::function<DescriptorUse()> descriptors = nullptr;
};

// A running connector: its job is to start, change and stop the tasks of one definition, and to
// summarize their states. Owned by the fleet, and used by the reconciler's thread only.
// Half of its fields are what it hands to each task.
class Connector {
 public:
  // Starts the tasks. Their threads call `on_change`, which must only enqueue. Arguments passed by
  // reference must outlive the connector.
  Connector(const config::ConnectorConfig& config, const Connections& connections,
            const base::Clock& clock, metrics::ConnectorMetrics& metrics, bool paused,
            std::function<void()> on_change);
  ~Connector();

  const config::ConnectorConfig& config() const { return config_; }

  // Switches the running tasks to a definition that needs no other consumer, and starts additional
  // tasks. Throws std::exception and changes nothing when the definition can't be used. When an
  // additional task can't be started, config() says how many there are, and the next Apply retries.
  void Apply(const config::ConnectorConfig& config, const Difference& difference);

  // Updates the phase from the states of the tasks. A task that stops at a record stops all others.
  void Observe();
  // kStarting, kRunning, kFailed, kSuperseded or kCannotStart.
  Phase phase() const { return phase_; }

  // A paused connector stays in its group and delivers nothing.
  void SetPaused(bool paused);
  bool paused() const { return paused_; }
  void RequestStop(std::chrono::milliseconds grace);
  bool ended() const;
  // Whether the stop aborted requests or failed to commit, so that records will be repeated.
  bool cut_off() const;

  // Why the connector is not ready yet; nothing when it is, or when it has failed for good.
  std::optional<std::string> unready() const;
  // The tasks as Kafka Connect shows them: when one stops at a record, all of them are FAILED.
  std::vector<connect::TaskStatus> tasks() const;
  // What an operator should know although the connector runs, one sentence each.
  std::vector<std::string> warnings() const;
  // Why the connector can't start; a failed task has a trace of its own.
  const std::string& trace() const { return trace_; }

 private:
  // Starts the missing tasks. Throws std::exception when one can't be started.
  void StartTasks();
  std::shared_ptr<const task::DeliverySettings> DeliverySettingsOf(
      task::Route route, std::shared_ptr<task::DeadLetterQueue> dead_letters) const;
  task::TaskSettings SettingsOf(int task,
                                std::shared_ptr<const task::DeliverySettings> delivery) const;
  std::string OutcomeWithoutIndicator() const;

  config::ConnectorConfig config_;
  const Connections& connections_;
  const base::Clock& clock_;
  metrics::ConnectorMetrics& metrics_;
  const std::function<void()> on_change_;
  std::vector<bool> failure_reported_;  // by task
  bool paused_;
  Phase phase_ = Phase::kStarting;
  std::string trace_;
  // Whether the endpoint answered a 2xx without the required retry indicator. The tasks of one
  // definition share the flag; each definition has a new one.
  std::shared_ptr<std::atomic<bool>> indicator_missing_ = std::make_shared<std::atomic<bool>>();

  struct Running {
    std::unique_ptr<task::Task> task;
    task::Route route;
    std::weak_ptr<const task::DeliverySettings> delivery;  // the task's, as long as it runs
  };
  std::vector<Running> tasks_;  // last: they count into metrics_
};

// The metric labels of a definition.
metrics::ConnectorMetrics::Identity IdentityOf(const config::ConnectorConfig& config,
                                               Origin origin = Origin::kFile);

}  // namespace khs::reconcile
