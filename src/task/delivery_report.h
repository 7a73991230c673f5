#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "delivery/decision.h"
#include "metrics/connector_metrics.h"
#include "task/job.h"

namespace khs::task {

// Names a task in logs and errors.
struct TaskIdentity {
  std::string connector;
  int id = 0;
};

// Writes the decisions about records to the log and the metrics. Owned by the dispatcher; any
// thread.
class DeliveryReport {
 public:
  // What is passed by reference outlives the report.
  DeliveryReport(TaskIdentity identity, const base::Clock& clock,
                 metrics::ConnectorMetrics& metrics)
      : identity_(std::move(identity)), clock_(clock), metrics_(metrics) {}

  void Delivered(const Job& job) const;
  // A retry, a drop or a stop. `status` and `error` are those of the last answer, if there was one.
  void Decided(const Job& job, const delivery::Decision& decision, std::optional<int> status,
               const std::optional<std::string>& error) const;
  void DeadLetterFailed(const Job& job, const std::string& error,
                        std::chrono::milliseconds delay) const;

 private:
  // Publishes the error for the connector's status.
  void ReportError(const Job& job, std::optional<int> status, std::string_view reason,
                   std::string_view outcome, std::string text) const;

  const TaskIdentity identity_;
  const base::Clock& clock_;
  metrics::ConnectorMetrics& metrics_;
};

}  // namespace khs::task
