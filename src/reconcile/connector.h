#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/connector_config.h"
#include "metrics/connector_metrics.h"
#include "metrics/registry.h"
#include "task/task.h"

namespace khs::reconcile {

// How a connector reaches Kafka and its endpoint; the tests bring their own.
struct Connections {
  std::function<std::unique_ptr<task::RecordSource>(const config::ConnectorConfig&)> make_source;
  std::function<std::unique_ptr<task::Endpoint>(const config::ConnectorConfig&)> make_endpoint;
  // Of a task; null when the connector has none.
  std::function<std::unique_ptr<task::DeadLetterQueue>(const config::ConnectorConfig&, int task)>
      make_dead_letters;
};

// A named definition and its tasks. The reconciler's thread alone.
class Connector {
 public:
  // Starts the tasks. `on_change` is called from their threads and must only enqueue; what is
  // passed by reference outlives the connector.
  Connector(const config::ConnectorConfig& config, const Connections& connections,
            const base::Clock& clock, metrics::Registry& registry, std::function<void()> on_change);
  // Stands for a definition that can't run: FAILED from the start.
  Connector(const std::string& name, metrics::Registry& registry);
  ~Connector();

  const std::optional<config::ConnectorConfig>& config() const { return config_; }
  void SetInvalid(bool invalid) { metrics_.SetInvalid(invalid); }

  // Looks at the tasks after one of them changed: a stop by strategy halts all of them, until the
  // connector is made anew.
  void Observe();

  void RequestStop(std::chrono::milliseconds grace);
  bool ended() const;
  // Requests were ended by the grace of a stop; their records will be repeated.
  bool cut_off() const;

  // Why the connector is not at work yet; nothing when it is, or when it has FAILED for good.
  std::optional<std::string> unready() const;

 private:
  void StartTasks(const Connections& connections, const base::Clock& clock,
                  const std::function<void()>& on_change);

  const std::optional<config::ConnectorConfig> config_;
  metrics::ConnectorMetrics metrics_;
  std::vector<bool> failure_reported_;  // by task
  bool stopped_by_strategy_ = false;
  std::vector<std::unique_ptr<task::Task>> tasks_;  // last: they count into metrics_
};

}  // namespace khs::reconcile
