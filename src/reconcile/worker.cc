#include "reconcile/worker.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "watch/snapshot.h"

namespace khs::reconcile {
namespace {

using connect::CallError;
using connect::RunState;
using connect::TargetState;
using Kind = CallError::Kind;
using Failure = base::Unexpected<CallError>;
using Written = std::map<std::string, std::string>;
using CommandContext = Reconciler::CommandContext;

// How long Reload waits for the definitions to settle; a plain file takes two scans.
constexpr std::chrono::seconds kReloadTimeout{10};
// How long a call waits for a connector to finish what is in flight and leave its group.
constexpr std::chrono::seconds kStopTimeout{5};
// How long a change of offsets is retried while the group has members: the broker notices those
// that left a moment later.
constexpr std::chrono::seconds kActiveGroupTimeout{5};
constexpr std::chrono::milliseconds kActiveGroupRetryInterval{200};

const DesiredConnector* Find(const CommandContext& context, const std::string& name) {
  const auto found = context.source.desired().find(name);
  return found == context.source.desired().end() ? nullptr : &found->second;
}

const ConnectorView* FindView(const Status& status, const std::string& name) {
  const auto found = status.connectors.find(name);
  return found == status.connectors.end() ? nullptr : &found->second;
}

// Only the file can change a connector that it defines.
std::optional<CallError> CheckNotFileDefined(const std::string& name,
                                             const DesiredConnector* desired) {
  if (desired == nullptr || desired->newest.origin != Origin::kFile) return std::nullopt;
  return CallError{
      Kind::kFileDefined,
      "Connector " + name + " is defined by the file " + desired->newest.file + ": change it there",
      {}};
}

std::optional<CallError> Validate(const CommandContext& context, const std::string& name,
                                  const Written& written) {
  CallError error{Kind::kInvalid};
  for (const config::Problem& problem : context.source.Validate(name, written)) {
    if (problem.severity != config::Severity::kError) continue;
    error.problems.push_back(config::MessageWithKey(problem));
    // Kafka Connect reports a problem of both keys twice.
    const bool of_both = problem.key.starts_with("topics") &&
                         error.problems.back().find("topics.regex") != std::string::npos &&
                         error.problems.back().find("Invalid value") == std::string::npos;
    if (of_both) error.problems.push_back(error.problems.back());
  }
  if (error.problems.empty()) return std::nullopt;
  return error;
}

std::optional<CallError> Store(CommandContext& context, const std::string& name,
                               StoredConnector connector) {
  if (auto failure = context.store.Put(name, std::move(connector))) {
    return CallError{Kind::kCannotStore, std::move(*failure), {}};
  }
  return std::nullopt;
}

std::optional<CallError> RemoveStored(CommandContext& context, const std::string& name) {
  if (auto failure = context.store.Remove(name)) {
    return CallError{Kind::kCannotStore, std::move(*failure), {}};
  }
  return std::nullopt;
}

// Checks that another connector may be created.
std::optional<CallError> CheckCount(const CommandContext& context) {
  const auto& connectors = context.store.connectors();
  const auto count = std::count_if(connectors.begin(), connectors.end(),
                                   [](const auto& each) { return each.second.config.has_value(); });
  constexpr size_t kMax = watch::kMaxDefinitionFiles;
  if (static_cast<size_t>(count) < kMax) return std::nullopt;
  return CallError{Kind::kTooMany,
                   "There are " + std::to_string(count) +
                       " connectors made through REST, which is the limit: delete one first",
                   {}};
}

// The stored state of a connector; empty when a file defines it and it was never paused or stopped.
StoredConnector FindStored(const CommandContext& context, const std::string& name) {
  const auto found = context.store.connectors().find(name);
  return found != context.store.connectors().end() ? found->second : StoredConnector{};
}

// Stores a new or changed definition. An existing connector keeps its target state.
std::optional<CallError> StoreDefinition(CommandContext& context, const std::string& name,
                                         Written written) {
  written["name"] = name;
  if (auto error = Validate(context, name, written)) return error;
  StoredConnector stored = FindStored(context, name);
  if (!stored.config) {
    if (auto error = CheckCount(context)) return error;
  }
  // Drop the target state of a file that was removed while the process did not run.
  if (Find(context, name) == nullptr) stored.target_state = TargetState::kStarted;
  stored.config = std::move(written);
  return Store(context, name, std::move(stored));
}

void ResetTopics(const CommandContext& context, const std::string& name) {
  const auto found = context.entries.find(name);
  if (found != context.entries.end()) found->second->metrics->ResetActiveTopics();
}

CallError DrainingError() { return {Kind::kUnavailable, "the process is draining", {}}; }

bool HasFailed(const connect::ConnectorStatus& status) {
  return status.state == RunState::kFailed ||
         std::any_of(status.tasks.begin(), status.tasks.end(),
                     [](const auto& task) { return task.state == RunState::kFailed; });
}

}  // namespace

ReconcilerWorker::ReconcilerWorker(Reconciler& reconciler, GroupAccess groups)
    : reconciler_(reconciler), groups_(std::move(groups)) {}

connect::Result<void> ReconcilerWorker::Execute(
    const std::function<std::optional<CallError>(CommandContext&)>& command) {
  std::optional<CallError> error;
  if (!reconciler_.Execute([&](CommandContext& context) { error = command(context); })) {
    return Failure(DrainingError());
  }
  if (error) return Failure(std::move(*error));
  return {};
}

std::vector<std::string> ReconcilerWorker::Names() const {
  std::vector<std::string> names;
  const auto status = reconciler_.status();
  for (const auto& [name, view] : status->connectors) names.push_back(name);
  return names;
}

std::optional<connect::ConnectorInfo> ReconcilerWorker::Info(const std::string& name) const {
  const auto status = reconciler_.status();
  const ConnectorView* view = FindView(*status, name);
  return view != nullptr ? std::optional(view->info) : std::nullopt;
}

std::optional<connect::ConnectorStatus> ReconcilerWorker::Status(const std::string& name) const {
  const auto status = reconciler_.status();
  const ConnectorView* view = FindView(*status, name);
  if (view == nullptr) return std::nullopt;
  connect::ConnectorStatus shown = view->status;
  if (view->errors) shown.errors = view->errors->Read();
  return shown;
}

connect::Result<connect::ConnectorInfo> ReconcilerWorker::Create(const std::string& name,
                                                                 const connect::ConfigMap& config,
                                                                 TargetState initial) {
  const auto done = Execute([&](CommandContext& context) -> std::optional<CallError> {
    Written written = config;
    written["name"] = name;
    if (auto error = Validate(context, name, written)) return error;
    if (Find(context, name) != nullptr || FindStored(context, name).config) {
      return CallError{Kind::kExists};
    }
    if (auto error = CheckCount(context)) return error;
    return Store(context, name, {std::move(written), initial});
  });
  if (!done) return Failure(done.error());
  return Info(name).value_or(connect::ConnectorInfo{name, config, {}});
}

connect::Result<ReconcilerWorker::Stored> ReconcilerWorker::Put(const std::string& name,
                                                                const connect::ConfigMap& config) {
  Stored stored;
  const auto done = Execute([&](CommandContext& context) -> std::optional<CallError> {
    const DesiredConnector* desired = Find(context, name);
    if (auto error = CheckNotFileDefined(name, desired)) return error;
    stored.created = desired == nullptr;
    return StoreDefinition(context, name, config);
  });
  if (!done) return Failure(done.error());
  stored.info = Info(name).value_or(connect::ConnectorInfo{name, config, {}});
  return stored;
}

connect::Result<connect::ConnectorInfo> ReconcilerWorker::Patch(const std::string& name,
                                                                const connect::ConfigPatch& patch) {
  const auto done = Execute([&](CommandContext& context) -> std::optional<CallError> {
    const DesiredConnector* desired = Find(context, name);
    if (desired == nullptr) return CallError{Kind::kNotFound};
    if (auto error = CheckNotFileDefined(name, desired)) return error;
    Written written = FindStored(context, name).config.value_or(Written{});
    for (const auto& [key, value] : patch) {
      if (value) {
        written[key] = *value;
      } else {
        written.erase(key);
      }
    }
    return StoreDefinition(context, name, std::move(written));
  });
  if (!done) return Failure(done.error());
  return Info(name).value_or(connect::ConnectorInfo{name, {}, {}});
}

connect::Result<void> ReconcilerWorker::Delete(const std::string& name) {
  return Execute([&](CommandContext& context) -> std::optional<CallError> {
    const DesiredConnector* desired = Find(context, name);
    if (desired == nullptr) return CallError{Kind::kNotFound};
    if (auto error = CheckNotFileDefined(name, desired)) return error;
    if (auto error = RemoveStored(context, name)) return error;
    // A new connector of this name that comes while this one drains starts without topics.
    ResetTopics(context, name);
    return std::nullopt;
  });
}

connect::Result<void> ReconcilerWorker::SetTargetState(const std::string& name, TargetState state) {
  auto done = Execute([&](CommandContext& context) -> std::optional<CallError> {
    if (Find(context, name) == nullptr) return CallError{Kind::kNotFound};
    StoredConnector stored = FindStored(context, name);
    const TargetState before = std::exchange(stored.target_state, state);
    if (before == stored.target_state) return std::nullopt;
    // A file defines it and it runs: nothing is worth storing.
    if (!stored.config && stored.target_state == TargetState::kStarted) {
      return RemoveStored(context, name);
    }
    return Store(context, name, std::move(stored));
  });
  // Callers usually go on to what needs a stopped connector.
  if (done && state == TargetState::kStopped) WaitForStop(name);
  return done;
}

void ReconcilerWorker::WaitForStop(const std::string& name) const {
  (void)reconciler_.AwaitStatus(
      [&name](const reconcile::Status& status) {
        const ConnectorView* view = FindView(status, name);
        return view == nullptr || view->target_state != TargetState::kStopped || view->stopped;
      },
      kStopTimeout);
}

connect::Result<connect::ConnectorStatus> ReconcilerWorker::Restart(const std::string& name,
                                                                    bool include_tasks,
                                                                    bool only_failed) {
  const auto before = Status(name);
  if (!before) return Failure({Kind::kNotFound});
  // A connector without its tasks has nothing to restart.
  const bool restarts =
      include_tasks ? !only_failed || HasFailed(*before) : before->state == RunState::kFailed;
  const auto done = Execute([&](CommandContext& context) -> std::optional<CallError> {
    if (Find(context, name) == nullptr) return CallError{Kind::kNotFound};
    if (restarts) context.restart_requests.insert(name);
    return std::nullopt;
  });
  if (!done) return Failure(done.error());
  connect::ConnectorStatus status = *before;
  const auto selected = [&](RunState state) { return !only_failed || state == RunState::kFailed; };
  if (selected(status.state)) status.state = RunState::kRestarting;
  for (connect::TaskStatus& task : status.tasks) {
    if (include_tasks && selected(task.state)) task.state = RunState::kRestarting;
  }
  return status;
}

connect::Result<void> ReconcilerWorker::RestartTask(const std::string& name, int task) {
  const auto status = Status(name);
  if (!status) return Failure({Kind::kNotFound});
  const bool is_there = std::any_of(status->tasks.begin(), status->tasks.end(),
                                    [task](const auto& each) { return each.id == task; });
  if (!is_there) return Failure({Kind::kNoSuchTask});
  return Execute([&](CommandContext& context) -> std::optional<CallError> {
    if (Find(context, name) == nullptr) return CallError{Kind::kNotFound};
    context.restart_requests.insert(name);
    return std::nullopt;
  });
}

std::vector<std::string> ReconcilerWorker::ActiveTopics(const std::string& name) const {
  std::vector<std::string> topics;
  (void)reconciler_.Execute([&](CommandContext& context) {
    const auto found = context.entries.find(name);
    // A deleted connector may still be draining.
    const bool is_there = Find(context, name) != nullptr && found != context.entries.end();
    if (is_there) topics = found->second->metrics->ActiveTopics();
  });
  return topics;
}

void ReconcilerWorker::ResetActiveTopics(const std::string& name) {
  (void)reconciler_.Execute([&](CommandContext& context) { ResetTopics(context, name); });
}

connect::Result<std::vector<connect::PartitionOffset>> ReconcilerWorker::Offsets(
    const std::string& name) {
  if (reconciler_.readiness().draining) return Failure(DrainingError());
  const auto status = reconciler_.status();
  const ConnectorView* view = FindView(*status, name);
  if (view == nullptr) return Failure({Kind::kNotFound});
  // The group of a definition that was never valid is unknown.
  if (!view->config) return std::vector<connect::PartitionOffset>{};
  return groups_.list(*view->config);
}

connect::Result<config::ConnectorConfig> ReconcilerWorker::StoppedConfig(
    const std::string& name) const {
  WaitForStop(name);
  if (reconciler_.readiness().draining) return Failure(DrainingError());
  const auto status = reconciler_.status();
  const ConnectorView* view = FindView(*status, name);
  if (view == nullptr) return Failure({Kind::kNotFound});
  if (view->target_state != TargetState::kStopped || !view->config) {
    return Failure({Kind::kNotStopped});
  }
  if (!view->stopped) return Failure({Kind::kStillActive});
  return *view->config;
}

connect::Result<void> ReconcilerWorker::ChangeOffsets(
    const std::string& name,
    const std::function<connect::Result<void>(const config::ConnectorConfig&)>& change) const {
  const auto config = StoppedConfig(name);
  if (!config) return Failure(config.error());
  const auto deadline = std::chrono::steady_clock::now() + kActiveGroupTimeout;
  while (true) {
    auto done = change(*config);
    const bool is_active = !done && done.error().kind == Kind::kStillActive;
    if (!is_active || std::chrono::steady_clock::now() >= deadline) return done;
    std::this_thread::sleep_for(kActiveGroupRetryInterval);
  }
}

connect::Result<void> ReconcilerWorker::AwaitStopped(const std::string& name) {
  return StoppedConfig(name).map([](const config::ConnectorConfig&) {});
}

connect::Result<void> ReconcilerWorker::AlterOffsets(
    const std::string& name, const std::vector<connect::PartitionOffset>& offsets) {
  return ChangeOffsets(name, [&](const auto& config) { return groups_.alter(config, offsets); });
}

connect::Result<void> ReconcilerWorker::ResetOffsets(const std::string& name) {
  return ChangeOffsets(name, [&](const auto& config) { return groups_.reset(config); });
}

std::vector<std::string> ReconcilerWorker::Reload() {
  (void)reconciler_.Execute([](CommandContext& context) { context.scan = true; });
  (void)reconciler_.AwaitStatus([](const reconcile::Status& status) { return status.settled; },
                                kReloadTimeout);
  const auto status = reconciler_.status();
  std::vector<std::string> problems;
  if (!status->scan_error.empty()) problems.push_back(status->scan_error);
  for (const auto& [name, view] : status->connectors) {
    if (!view.invalid) continue;
    for (size_t start = 0; start < view.status.trace.size();) {
      const size_t end = std::min(view.status.trace.find('\n', start), view.status.trace.size());
      problems.push_back(view.status.trace.substr(start, end - start));
      start = end + 1;
    }
  }
  return problems;
}

}  // namespace khs::reconcile
