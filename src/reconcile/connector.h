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
#include "task/task.h"

namespace khs::reconcile {

// How a connector reaches Kafka and its endpoint; the tests bring their own.
struct Connections {
  // Of a task.
  std::function<std::unique_ptr<task::RecordSource>(const config::ConnectorConfig&, int task)>
      make_source;
  std::function<std::unique_ptr<task::Endpoint>(const config::ConnectorConfig&)> make_endpoint;
  // Of a task's endpoint, whose connections stay of use where the one before (null: none) leads to
  // the same place. Throws std::exception when the definition can't be used.
  std::function<task::Route(const config::ConnectorConfig&, const task::Route* before)> make_route;
  // Of a task; null when the connector has none.
  std::function<std::shared_ptr<task::DeadLetterQueue>(const config::ConnectorConfig&, int task)>
      make_dead_letters;
  // What the process has of file descriptors; null: as many as anybody needs.
  std::function<DescriptorUse()> descriptors = nullptr;
};

// The tasks of a definition that can run. The reconciler's thread alone.
class Connector {
 public:
  enum class Health {
    kStarting,
    kRunning,
    kFailed,       // it stopped by its strategy, and stays so
    kOvertaken,    // likewise, but a new definition had come by then
    kCannotStart,  // what it needs was not there; another start may help
  };

  // Starts the tasks. `on_change` is called from their threads and must only enqueue; what is
  // passed by reference outlives the connector.
  Connector(const config::ConnectorConfig& config, const Connections& connections,
            const base::Clock& clock, metrics::ConnectorMetrics& metrics, bool paused,
            std::function<void()> on_change);
  ~Connector();

  const config::ConnectorConfig& config() const { return config_; }

  // Goes on by a definition that needs no other consumer, and starts the tasks that it has more.
  // Throws std::exception when it can't be used, and then nothing changes. When a further task
  // can't be started, config() has as many as there are, and the next Apply tries again.
  void Apply(const config::ConnectorConfig& config, const Difference& difference);

  // Looks at the tasks after one of them changed: a stop by strategy halts all of them, until the
  // connector is made anew.
  void Observe();
  Health health() const { return health_; }

  // A paused one stays in its group and delivers nothing.
  void SetPaused(bool paused);
  void RequestStop(std::chrono::milliseconds grace);
  bool ended() const;
  // The stop ended requests, or could not commit; records will be repeated.
  bool cut_off() const;

  // Why the connector is not at work yet; nothing when it is, or when it has FAILED for good.
  std::optional<std::string> unready() const;
  // As Kafka Connect shows them: one that stops by its strategy takes all others with it.
  std::vector<connect::TaskStatus> tasks() const;
  // What an operator should know though the connector runs, one sentence each.
  std::vector<std::string> warnings() const;
  // Why it can't start; of a task that failed, its own trace says it.
  const std::string& trace() const { return trace_; }

 private:
  // Those that are missing; throws std::exception when one can't be started.
  void StartTasks();
  task::TaskTerms TermsOf(int task, task::Route route,
                          std::shared_ptr<task::DeadLetterQueue> dead_letters) const;
  std::string OutcomeWithoutIndicator() const;

  config::ConnectorConfig config_;
  const Connections& connections_;
  const base::Clock& clock_;
  metrics::ConnectorMetrics& metrics_;
  const std::function<void()> on_change_;
  std::vector<bool> failure_reported_;  // by task
  bool paused_;
  Health health_ = Health::kStarting;
  std::string trace_;
  // Whether a 2xx without the required retry indicator was answered to this definition. Shared by
  // its tasks; another definition has another one.
  std::shared_ptr<std::atomic<bool>> indicator_missing_ = std::make_shared<std::atomic<bool>>();

  struct Running {
    std::unique_ptr<task::Task> task;
    task::Route route;
    std::weak_ptr<task::DeadLetterQueue> dead_letters;  // the task's, as long as it runs
  };
  std::vector<Running> tasks_;  // last: they count into metrics_
};

// `target_host` and the other labels of a definition.
metrics::ConnectorMetrics::Identity IdentityOf(const config::ConnectorConfig& config,
                                               Origin origin = Origin::kFile);

}  // namespace khs::reconcile
