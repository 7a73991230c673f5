#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "config/connector_config.h"
#include "reconcile/reconciler.h"
#include "rest/connect_worker.h"

namespace khs::reconcile {

// A connector's group at the broker; the tests bring their own. Each call may take some seconds.
// Any thread.
struct GroupAccess {
  using Offsets = std::vector<rest::PartitionOffset>;
  std::function<rest::Outcome<Offsets>(const config::ConnectorConfig&)> list;
  // Those without an offset are deleted.
  std::function<rest::Outcome<rest::Done>(const config::ConnectorConfig&, const Offsets&)> alter;
  std::function<rest::Outcome<rest::Done>(const config::ConnectorConfig&)> reset;
  std::function<std::string()> cluster_id;  // empty: no broker has told it yet
  std::function<bool()> broker_answers;     // when one was last asked
};

// What the REST API acts on. It reads what the reconciler has published, and changes something only
// by an order to it.
class Worker final : public rest::ConnectWorker {
 public:
  // `reconciler` outlives it.
  Worker(Reconciler& reconciler, GroupAccess groups);

  std::vector<std::string> Names() const override;
  std::optional<rest::ConnectorInfo> Info(const std::string& name) const override;
  std::optional<rest::ConnectorStatus> Status(const std::string& name) const override;

  rest::Outcome<rest::ConnectorInfo> Create(const std::string& name, const rest::ConfigMap& config,
                                            rest::TargetState initial) override;
  rest::Outcome<Stored> Put(const std::string& name, const rest::ConfigMap& config) override;
  rest::Outcome<rest::ConnectorInfo> Patch(const std::string& name,
                                           const rest::ConfigPatch& patch) override;
  rest::Outcome<rest::Done> Delete(const std::string& name) override;
  rest::Outcome<rest::Done> SetTarget(const std::string& name, rest::TargetState target) override;
  rest::Outcome<rest::ConnectorStatus> Restart(const std::string& name, bool include_tasks,
                                               bool only_failed) override;
  rest::Outcome<rest::Done> RestartTask(const std::string& name, int task) override;

  std::vector<std::string> ActiveTopics(const std::string& name) const override;
  void ResetActiveTopics(const std::string& name) override;

  rest::Outcome<std::vector<rest::PartitionOffset>> Offsets(const std::string& name) override;
  rest::Outcome<rest::Done> AwaitStopped(const std::string& name) override;
  rest::Outcome<rest::Done> AlterOffsets(
      const std::string& name, const std::vector<rest::PartitionOffset>& offsets) override;
  rest::Outcome<rest::Done> ResetOffsets(const std::string& name) override;

  std::vector<std::string> Reload() override;
  bool Drain() override { return reconciler_.Drain(); }
  std::string ClusterId() const override { return groups_.cluster_id(); }
  bool Started() const override { return reconciler_.readiness().started; }
  bool BrokerAnswers() const override { return groups_.broker_answers(); }

 private:
  using Hands = Reconciler::Hands;

  // Runs an order; what it refuses is the answer.
  rest::Outcome<rest::Done> Carry(const std::function<std::optional<rest::Refusal>(Hands&)>& order);
  // The definition of a stopped connector, whose offsets may be changed. Waits for one that is
  // being stopped.
  rest::Outcome<config::ConnectorConfig> Stopped(const std::string& name) const;
  // Waits, within a bound, until nothing runs of a connector that is to stop.
  void WaitForStop(const std::string& name) const;
  // Changes the offsets of a stopped connector; again, within a bound, while its group has members.
  rest::Outcome<rest::Done> ChangeOffsets(
      const std::string& name,
      const std::function<rest::Outcome<rest::Done>(const config::ConnectorConfig&)>& change) const;

  Reconciler& reconciler_;
  const GroupAccess groups_;
};

}  // namespace khs::reconcile
