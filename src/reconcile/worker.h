#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "config/connector_config.h"
#include "connect/worker.h"
#include "reconcile/reconciler.h"

namespace khs::reconcile {

// Functions for the consumer group of a connector at the broker. Tests bring their own. A call may
// take some seconds. Any thread may call them.
struct GroupAccess {
  using Offsets = std::vector<connect::PartitionOffset>;
  std::function<connect::Result<Offsets>(const config::ConnectorConfig&)> list;
  // Deletes the commits of partitions without an offset.
  std::function<connect::Result<void>(const config::ConnectorConfig&, const Offsets&)> alter;
  std::function<connect::Result<void>(const config::ConnectorConfig&)> reset;
  std::function<std::string()> cluster_id;  // empty while unknown
  std::function<bool()> broker_answers;     // at the last try
};

// Implements connect::Worker for REST: reads the status that the reconciler has published, and
// changes things by commands to it. Owned by the command `run`. Any thread.
class ReconcilerWorker final : public connect::Worker {
 public:
  // `reconciler` must outlive this object.
  ReconcilerWorker(Reconciler& reconciler, GroupAccess groups);

  std::vector<std::string> Names() const override;
  std::optional<connect::ConnectorInfo> Info(const std::string& name) const override;
  std::optional<connect::ConnectorStatus> Status(const std::string& name) const override;

  connect::Result<connect::ConnectorInfo> Create(const std::string& name,
                                                 const connect::ConfigMap& config,
                                                 connect::TargetState initial) override;
  connect::Result<Stored> Put(const std::string& name, const connect::ConfigMap& config) override;
  connect::Result<connect::ConnectorInfo> Patch(const std::string& name,
                                                const connect::ConfigPatch& patch) override;
  connect::Result<void> Delete(const std::string& name) override;
  connect::Result<void> SetTargetState(const std::string& name,
                                       connect::TargetState state) override;
  connect::Result<connect::ConnectorStatus> Restart(const std::string& name, bool include_tasks,
                                                    bool only_failed) override;
  connect::Result<void> RestartTask(const std::string& name, int task) override;

  std::vector<std::string> ActiveTopics(const std::string& name) const override;
  void ResetActiveTopics(const std::string& name) override;

  connect::Result<std::vector<connect::PartitionOffset>> Offsets(const std::string& name) override;
  connect::Result<void> AwaitStopped(const std::string& name) override;
  connect::Result<void> AlterOffsets(const std::string& name,
                                     const std::vector<connect::PartitionOffset>& offsets) override;
  connect::Result<void> ResetOffsets(const std::string& name) override;

  std::vector<std::string> Reload() override;
  bool Drain() override { return reconciler_.Drain(); }
  std::string ClusterId() const override { return groups_.cluster_id(); }
  bool Started() const override { return reconciler_.readiness().started; }
  bool BrokerAnswers() const override { return groups_.broker_answers(); }

 private:
  using CommandContext = Reconciler::CommandContext;

  // Runs a command on the reconciler's thread and returns its error.
  connect::Result<void> Execute(
      const std::function<std::optional<connect::CallError>(CommandContext&)>& command);
  // The definition of a stopped connector, whose offsets may be changed. Waits for a connector that
  // is stopping.
  connect::Result<config::ConnectorConfig> StoppedConfig(const std::string& name) const;
  // Waits until a connector whose target state is STOPPED has stopped, or until the timeout.
  void WaitForStop(const std::string& name) const;
  // Changes the offsets of a stopped connector. Retries until the timeout while its group has
  // members.
  connect::Result<void> ChangeOffsets(
      const std::string& name,
      const std::function<connect::Result<void>(const config::ConnectorConfig&)>& change) const;

  Reconciler& reconciler_;
  const GroupAccess groups_;
};

}  // namespace khs::reconcile
