#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "config/connector_config.h"
#include "connect/worker.h"
#include "reconcile/reconciler.h"

namespace khs::reconcile {

// A connector's group at the broker; the tests bring their own. Each call may take some seconds.
// Any thread.
struct GroupAccess {
  using Offsets = std::vector<connect::PartitionOffset>;
  std::function<connect::Result<Offsets>(const config::ConnectorConfig&)> list;
  // Those without an offset are deleted.
  std::function<connect::Result<void>(const config::ConnectorConfig&, const Offsets&)> alter;
  std::function<connect::Result<void>(const config::ConnectorConfig&)> reset;
  std::function<std::string()> cluster_id;  // empty: no broker has told it yet
  std::function<bool()> broker_answers;     // when one was last asked
};

// What the REST API acts on. It reads what the reconciler has published, and changes something only
// by an order to it.
class ReconcilerWorker final : public connect::Worker {
 public:
  // `reconciler` outlives it.
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
                                       connect::TargetState target) override;
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
  using Hands = Reconciler::Hands;

  // Runs an order; what it refuses is the answer.
  connect::Result<void> Carry(
      const std::function<std::optional<connect::CallError>(Hands&)>& order);
  // The definition of a stopped connector, whose offsets may be changed. Waits for one that is
  // being stopped.
  connect::Result<config::ConnectorConfig> Stopped(const std::string& name) const;
  // Waits, within a bound, until nothing runs of a connector that is to stop.
  void WaitForStop(const std::string& name) const;
  // Changes the offsets of a stopped connector; again, within a bound, while its group has members.
  connect::Result<void> ChangeOffsets(
      const std::string& name,
      const std::function<connect::Result<void>(const config::ConnectorConfig&)>& change) const;

  Reconciler& reconciler_;
  const GroupAccess groups_;
};

}  // namespace khs::reconcile
