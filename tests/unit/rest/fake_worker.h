#pragma once

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/connector_config.h"
#include "connect/worker.h"

namespace khs::rest {

// A worker whose connectors start at once, with `tasks.max` tasks.
class FakeWorker final : public connect::Worker {
 public:
  struct Connector {
    connect::ConfigMap config;
    connect::TargetState target = connect::TargetState::kStarted;
    std::vector<int> failed;  // tasks
    std::string file;         // that defines it
    std::string trace;        // FAILED by this
    std::vector<connect::PartitionOffset> offsets;
    std::vector<std::string> topics;
    uint64_t generation = 1;
    connect::RecordErrors errors;
  };

  std::map<std::string, Connector> connectors;
  std::optional<connect::CallError> refuse;  // what the next change answers
  std::vector<std::string> reload_problems;
  std::string cluster = "cluster-1";
  bool started = true;
  bool broker_answers = true;
  bool drained = true;
  std::vector<std::string> calls;  // of what leaves no other trace

  std::vector<std::string> Names() const override {
    std::vector<std::string> names;
    for (const auto& [name, connector] : connectors) names.push_back(name);
    return names;
  }

  std::optional<connect::ConnectorInfo> Info(const std::string& name) const override {
    const auto found = connectors.find(name);
    if (found == connectors.end()) return std::nullopt;
    connect::ConnectorInfo info{name, found->second.config, {}};
    for (const connect::TaskStatus& task : Tasks(found->second)) info.tasks.push_back(task.id);
    return info;
  }

  std::optional<connect::ConnectorStatus> Status(const std::string& name) const override {
    const auto found = connectors.find(name);
    if (found == connectors.end()) return std::nullopt;
    const Connector& connector = found->second;
    connect::ConnectorStatus status;
    status.name = name;
    status.state = connector.trace.empty() ? StateOf(connector) : connect::RunState::kFailed;
    status.trace = connector.trace;
    status.tasks = Tasks(connector);
    status.origin = connector.file.empty() ? "rest" : "file";
    status.file = connector.file;
    status.errors = connector.errors;
    status.generation = connector.generation;
    status.observed_generation = connector.trace.empty() ? connector.generation : 0;
    return status;
  }

  connect::Result<connect::ConnectorInfo> Create(const std::string& name,
                                                 const connect::ConfigMap& config,
                                                 connect::TargetState initial) override {
    if (auto refusal = Validate(config)) return Refused(*refusal);
    if (connectors.contains(name)) return Refused({connect::CallError::Kind::kExists, {}, {}});
    connectors[name].config = config;
    connectors[name].target = initial;
    connect::ConnectorInfo info = *Info(name);
    info.tasks.clear();  // as in Connect, they come later
    return info;
  }

  connect::Result<Stored> Put(const std::string& name, const connect::ConfigMap& config) override {
    if (auto refusal = Validate(config)) return Refused(*refusal);
    if (auto refusal = FileDefined(name)) return Refused(*refusal);
    const bool created = !connectors.contains(name);
    connectors[name].config = config;
    connectors[name].generation += created ? 0 : 1;
    return Stored{created, *Info(name)};
  }

  connect::Result<connect::ConnectorInfo> Patch(const std::string& name,
                                                const connect::ConfigPatch& patch) override {
    if (auto refusal = Missing(name)) return Refused(*refusal);
    connect::ConfigMap config = connectors[name].config;
    for (const auto& [key, value] : patch) {
      config.erase(key);
      if (value) config.emplace(key, *value);
    }
    auto stored = Put(name, config);
    if (!stored) return Refused(stored.error());
    return stored->info;
  }

  connect::Result<void> Delete(const std::string& name) override {
    if (auto refusal = Missing(name)) return Refused(*refusal);
    if (auto refusal = FileDefined(name)) return Refused(*refusal);
    connectors.erase(name);
    return {};
  }

  connect::Result<void> SetTargetState(const std::string& name,
                                       connect::TargetState target) override {
    if (auto refusal = Missing(name)) return Refused(*refusal);
    connectors[name].target = target;
    return {};
  }

  connect::Result<connect::ConnectorStatus> Restart(const std::string& name, bool include_tasks,
                                                    bool only_failed) override {
    if (auto refusal = Missing(name)) return Refused(*refusal);
    connect::ConnectorStatus status = *Status(name);
    if (!only_failed || status.state == connect::RunState::kFailed)
      status.state = connect::RunState::kRestarting;
    for (connect::TaskStatus& task : status.tasks) {
      if (!include_tasks || (only_failed && task.state != connect::RunState::kFailed)) continue;
      task.state = connect::RunState::kRestarting;
      task.trace.clear();
    }
    if (include_tasks) connectors[name].failed.clear();
    return status;
  }

  connect::Result<void> RestartTask(const std::string& name, int task) override {
    if (auto refusal = Missing(name)) return Refused(*refusal);
    const auto tasks = Tasks(connectors[name]);
    if (task < 0 || task >= static_cast<int>(tasks.size())) {
      return Refused({connect::CallError::Kind::kNoSuchTask, {}, {}});
    }
    std::erase(connectors[name].failed, task);
    return {};
  }

  std::vector<std::string> ActiveTopics(const std::string& name) const override {
    const auto found = connectors.find(name);
    return found == connectors.end() ? std::vector<std::string>() : found->second.topics;
  }

  void ResetActiveTopics(const std::string& name) override {
    if (connectors.contains(name)) connectors[name].topics.clear();
  }

  connect::Result<std::vector<connect::PartitionOffset>> Offsets(const std::string& name) override {
    if (auto refusal = Missing(name)) return Refused(*refusal);
    return connectors[name].offsets;
  }

  connect::Result<void> AwaitStopped(const std::string& name) override {
    if (auto refusal = NotStopped(name)) return Refused(*refusal);
    return {};
  }

  connect::Result<void> AlterOffsets(
      const std::string& name, const std::vector<connect::PartitionOffset>& offsets) override {
    if (auto refusal = NotStopped(name)) return Refused(*refusal);
    connectors[name].offsets = offsets;
    return {};
  }

  connect::Result<void> ResetOffsets(const std::string& name) override {
    if (auto refusal = NotStopped(name)) return Refused(*refusal);
    connectors[name].offsets.clear();
    return {};
  }

  std::vector<std::string> Reload() override {
    calls.push_back("reload");
    return reload_problems;
  }
  bool Drain() override {
    calls.push_back("drain");
    return drained;
  }
  std::string ClusterId() const override { return cluster; }
  bool Started() const override { return started; }
  bool BrokerAnswers() const override { return broker_answers; }

 private:
  using Maybe = std::optional<connect::CallError>;

  static base::Unexpected<connect::CallError> Refused(connect::CallError refusal) {
    return base::Unexpected<connect::CallError>(std::move(refusal));
  }

  static connect::RunState StateOf(const Connector& connector) {
    switch (connector.target) {
      case connect::TargetState::kStarted:
        return connect::RunState::kRunning;
      case connect::TargetState::kPaused:
        return connect::RunState::kPaused;
      case connect::TargetState::kStopped:
        break;
    }
    return connect::RunState::kStopped;
  }

  static std::vector<connect::TaskStatus> Tasks(const Connector& connector) {
    std::vector<connect::TaskStatus> tasks;
    if (connector.target == connect::TargetState::kStopped || !connector.trace.empty())
      return tasks;
    const auto max = connector.config.find("tasks.max");
    int count = 1;  // also for a number that is a reference to a secret
    if (max != connector.config.end()) {
      const std::string& text = max->second;
      std::from_chars(text.data(), text.data() + text.size(), count);
    }
    for (int id = 0; id < count; ++id) {
      const bool failed = std::count(connector.failed.begin(), connector.failed.end(), id) > 0;
      tasks.push_back(
          {id, failed ? connect::RunState::kFailed : StateOf(connector), failed ? "boom" : ""});
    }
    return tasks;
  }

  Maybe TakeRefusal() { return std::exchange(refuse, std::nullopt); }

  Maybe Missing(const std::string& name) {
    if (auto refusal = TakeRefusal()) return refusal;
    if (connectors.contains(name)) return std::nullopt;
    return connect::CallError{connect::CallError::Kind::kNotFound, {}, {}};
  }

  Maybe NotStopped(const std::string& name) {
    if (auto refusal = Missing(name)) return refusal;
    if (connectors[name].target == connect::TargetState::kStopped) return std::nullopt;
    return connect::CallError{connect::CallError::Kind::kNotStopped, {}, {}};
  }

  Maybe FileDefined(const std::string& name) {
    const auto found = connectors.find(name);
    if (found == connectors.end() || found->second.file.empty()) return std::nullopt;
    return connect::CallError{
        connect::CallError::Kind::kFileDefined,
        "Connector " + name + " is defined by " + found->second.file + ": change that file",
        {}};
  }

  Maybe Validate(const connect::ConfigMap& config) {
    if (auto refusal = TakeRefusal()) return refusal;
    config::FlatConfig entries;
    for (const auto& [key, value] : config) {
      entries.push_back({key, value, config::ValueKind::kString, {}});
    }
    connect::CallError refusal{connect::CallError::Kind::kInvalid, {}, {}};
    for (const auto& problem : config::ParseConnector({"REST", "unnamed"}, entries).problems) {
      if (problem.severity == config::Severity::kError) {
        refusal.problems.push_back(config::MessageWithKey(problem));
      }
    }
    if (refusal.problems.empty()) return std::nullopt;
    return refusal;
  }
};

}  // namespace khs::rest
