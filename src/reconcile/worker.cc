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
using Written = std::map<std::string, std::string>;
using Hands = Reconciler::Hands;

// Until the definitions are settled; a plain file takes two looks to be believed.
constexpr std::chrono::seconds kReloadBound{10};
// Until a connector has finished what is in flight and left its group. A slow endpoint takes longer
// than a caller likes to wait.
constexpr std::chrono::seconds kStopBound{5};
// The broker learns of members that left a moment later; those of other processes stay.
constexpr std::chrono::seconds kGroupBound{5};
constexpr std::chrono::milliseconds kGroupPause{200};

const Wanted* Find(const Hands& hands, const std::string& name) {
  const auto found = hands.source.desired().find(name);
  return found == hands.source.desired().end() ? nullptr : &found->second;
}

// A file is the truth about what it defines.
std::optional<CallError> DefinedByFile(const std::string& name, const Wanted* wanted) {
  if (wanted == nullptr || wanted->newest.origin != Origin::kFile) return std::nullopt;
  return CallError{
      Kind::kFileDefined,
      "Connector " + name + " is defined by the file " + wanted->newest.file + ": change it there",
      {}};
}

std::optional<CallError> Examine(const Hands& hands, const std::string& name,
                                 const Written& written) {
  CallError refusal{Kind::kInvalid, {}, {}};
  for (const config::Problem& problem : hands.source.Examine(name, written)) {
    if (problem.severity != config::Severity::kError) continue;
    refusal.problems.push_back(config::Sentence(problem));
    // Kafka Connect finds it with both keys.
    const bool of_both = problem.key.starts_with("topics") &&
                         refusal.problems.back().find("topics.regex") != std::string::npos &&
                         refusal.problems.back().find("Invalid value") == std::string::npos;
    if (of_both) refusal.problems.push_back(refusal.problems.back());
  }
  if (refusal.problems.empty()) return std::nullopt;
  return refusal;
}

std::optional<CallError> Store(Hands& hands, const std::string& name, StoredConnector connector) {
  if (auto failure = hands.store.Put(name, std::move(connector))) {
    return CallError{Kind::kCannotStore, std::move(*failure), {}};
  }
  return std::nullopt;
}

// Of a connector that is to be made.
std::optional<CallError> JudgeCount(const Hands& hands) {
  const auto& connectors = hands.store.connectors();
  const auto count = std::count_if(connectors.begin(), connectors.end(),
                                   [](const auto& each) { return each.second.config.has_value(); });
  constexpr size_t kMost = watch::kMaxDefinitionFiles;
  if (static_cast<size_t>(count) < kMost) return std::nullopt;
  return CallError{Kind::kTooMany,
                   "There are " + std::to_string(count) +
                       " connectors made through REST, and no more are possible: delete one first",
                   {}};
}

// What is kept of a connector; nothing of one that a file defines and nobody has paused.
StoredConnector StoredOf(const Hands& hands, const std::string& name) {
  const auto found = hands.store.connectors().find(name);
  return found != hands.store.connectors().end() ? found->second : StoredConnector{};
}

// A definition takes the place of the one that was, if there was one. Its target stays.
std::optional<CallError> Define(Hands& hands, const std::string& name, Written written) {
  written["name"] = name;
  if (auto refusal = Examine(hands, name, written)) return refusal;
  StoredConnector stored = StoredOf(hands, name);
  if (!stored.config) {
    if (auto refusal = JudgeCount(hands)) return refusal;
  }
  // What stayed behind of a file that was removed while nobody looked is not its.
  if (Find(hands, name) == nullptr) stored.target = TargetState::kStarted;
  stored.config = std::move(written);
  return Store(hands, name, std::move(stored));
}

CallError Draining() { return {Kind::kUnavailable, "the process is draining", {}}; }

bool HasFailed(const connect::ConnectorStatus& status) {
  return status.state == RunState::kFailed ||
         std::any_of(status.tasks.begin(), status.tasks.end(),
                     [](const auto& task) { return task.state == RunState::kFailed; });
}

}  // namespace

ReconcilerWorker::ReconcilerWorker(Reconciler& reconciler, GroupAccess groups)
    : reconciler_(reconciler), groups_(std::move(groups)) {}

connect::Result<void> ReconcilerWorker::Carry(
    const std::function<std::optional<CallError>(Hands&)>& order) {
  std::optional<CallError> refusal;
  if (!reconciler_.Carry([&](Hands& hands) { refusal = order(hands); })) {
    return base::Unexpected<CallError>(Draining());
  }
  if (refusal) return base::Unexpected<CallError>(std::move(*refusal));
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
  const auto found = status->connectors.find(name);
  if (found == status->connectors.end()) return std::nullopt;
  return found->second.info;
}

std::optional<connect::ConnectorStatus> ReconcilerWorker::Status(const std::string& name) const {
  const auto status = reconciler_.status();
  const auto found = status->connectors.find(name);
  if (found == status->connectors.end()) return std::nullopt;
  return found->second.status;
}

connect::Result<connect::ConnectorInfo> ReconcilerWorker::Create(const std::string& name,
                                                                 const connect::ConfigMap& config,
                                                                 TargetState initial) {
  const auto done = Carry([&](Hands& hands) -> std::optional<CallError> {
    Written written = config;
    written["name"] = name;
    if (auto refusal = Examine(hands, name, written)) return refusal;
    if (Find(hands, name) != nullptr || StoredOf(hands, name).config) {
      return CallError{Kind::kExists, {}, {}};
    }
    if (auto refusal = JudgeCount(hands)) return refusal;
    return Store(hands, name, {std::move(written), initial});
  });
  if (!done) return base::Unexpected<CallError>(done.error());
  return Info(name).value_or(connect::ConnectorInfo{name, config, {}});
}

connect::Result<ReconcilerWorker::Stored> ReconcilerWorker::Put(const std::string& name,
                                                                const connect::ConfigMap& config) {
  Stored stored;
  const auto done = Carry([&](Hands& hands) -> std::optional<CallError> {
    const Wanted* wanted = Find(hands, name);
    if (auto refusal = DefinedByFile(name, wanted)) return refusal;
    stored.created = wanted == nullptr;
    return Define(hands, name, config);
  });
  if (!done) return base::Unexpected<CallError>(done.error());
  stored.info = Info(name).value_or(connect::ConnectorInfo{name, config, {}});
  return stored;
}

connect::Result<connect::ConnectorInfo> ReconcilerWorker::Patch(const std::string& name,
                                                                const connect::ConfigPatch& patch) {
  const auto done = Carry([&](Hands& hands) -> std::optional<CallError> {
    const Wanted* wanted = Find(hands, name);
    if (wanted == nullptr) return CallError{Kind::kNotFound, {}, {}};
    if (auto refusal = DefinedByFile(name, wanted)) return refusal;
    Written written = StoredOf(hands, name).config.value_or(Written{});
    for (const auto& [key, value] : patch) {
      if (value) {
        written[key] = *value;
      } else {
        written.erase(key);
      }
    }
    return Define(hands, name, std::move(written));
  });
  if (!done) return base::Unexpected<CallError>(done.error());
  return Info(name).value_or(connect::ConnectorInfo{name, {}, {}});
}

connect::Result<void> ReconcilerWorker::Delete(const std::string& name) {
  return Carry([&](Hands& hands) -> std::optional<CallError> {
    const Wanted* wanted = Find(hands, name);
    if (wanted == nullptr) return CallError{Kind::kNotFound, {}, {}};
    if (auto refusal = DefinedByFile(name, wanted)) return refusal;
    if (auto failure = hands.store.Remove(name)) {
      return CallError{Kind::kCannotStore, std::move(*failure), {}};
    }
    // Nothing of it is left to one of its name that comes while it drains.
    const auto entry = hands.entries.find(name);
    if (entry != hands.entries.end()) entry->second->metrics->ResetActiveTopics();
    return std::nullopt;
  });
}

connect::Result<void> ReconcilerWorker::SetTargetState(const std::string& name,
                                                       TargetState target) {
  auto done = Carry([&](Hands& hands) -> std::optional<CallError> {
    if (Find(hands, name) == nullptr) return CallError{Kind::kNotFound, {}, {}};
    StoredConnector stored = StoredOf(hands, name);
    const TargetState before = std::exchange(stored.target, target);
    if (before == stored.target) return std::nullopt;
    // Of one that a file defines there is nothing to keep but that it does not run.
    if (!stored.config && stored.target == TargetState::kStarted) {
      if (auto failure = hands.store.Remove(name)) {
        return CallError{Kind::kCannotStore, std::move(*failure), {}};
      }
      return std::nullopt;
    }
    return Store(hands, name, std::move(stored));
  });
  // Who is told of a stop goes on to what needs a stopped connector.
  if (done && target == TargetState::kStopped) WaitForStop(name);
  return done;
}

void ReconcilerWorker::WaitForStop(const std::string& name) const {
  (void)reconciler_.AwaitStatus(
      [&name](const reconcile::Status& status) {
        const auto found = status.connectors.find(name);
        return found == status.connectors.end() || !found->second.is_to_stop ||
               found->second.stopped;
      },
      kStopBound);
}

connect::Result<connect::ConnectorStatus> ReconcilerWorker::Restart(const std::string& name,
                                                                    bool include_tasks,
                                                                    bool only_failed) {
  const auto before = Status(name);
  if (!before) return base::Unexpected<CallError>({Kind::kNotFound, {}, {}});
  // Without its tasks there is nothing to a connector that could be restarted.
  const bool restarts =
      include_tasks ? !only_failed || HasFailed(*before) : before->state == RunState::kFailed;
  const auto done = Carry([&](Hands& hands) -> std::optional<CallError> {
    if (Find(hands, name) == nullptr) return CallError{Kind::kNotFound, {}, {}};
    if (restarts) hands.restarts.insert(name);
    return std::nullopt;
  });
  if (!done) return base::Unexpected<CallError>(done.error());
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
  if (!status) return base::Unexpected<CallError>({Kind::kNotFound, {}, {}});
  const bool is_there = std::any_of(status->tasks.begin(), status->tasks.end(),
                                    [task](const auto& each) { return each.id == task; });
  if (!is_there) return base::Unexpected<CallError>({Kind::kNoSuchTask, {}, {}});
  return Carry([&](Hands& hands) -> std::optional<CallError> {
    if (Find(hands, name) == nullptr) return CallError{Kind::kNotFound, {}, {}};
    hands.restarts.insert(name);
    return std::nullopt;
  });
}

std::vector<std::string> ReconcilerWorker::ActiveTopics(const std::string& name) const {
  std::vector<std::string> topics;
  (void)reconciler_.Carry([&](Hands& hands) {
    const auto found = hands.entries.find(name);
    // One that was deleted may be draining yet.
    const bool is_there = Find(hands, name) != nullptr && found != hands.entries.end();
    if (is_there) topics = found->second->metrics->ActiveTopics();
  });
  return topics;
}

void ReconcilerWorker::ResetActiveTopics(const std::string& name) {
  (void)reconciler_.Carry([&](Hands& hands) {
    const auto found = hands.entries.find(name);
    if (found != hands.entries.end()) found->second->metrics->ResetActiveTopics();
  });
}

connect::Result<std::vector<connect::PartitionOffset>> ReconcilerWorker::Offsets(
    const std::string& name) {
  if (reconciler_.readiness().draining) return base::Unexpected<CallError>(Draining());
  const auto status = reconciler_.status();
  const auto found = status->connectors.find(name);
  if (found == status->connectors.end())
    return base::Unexpected<CallError>({Kind::kNotFound, {}, {}});
  // Of one that was never valid nobody knows the group.
  if (!found->second.target) return std::vector<connect::PartitionOffset>{};
  return groups_.list(*found->second.target);
}

connect::Result<config::ConnectorConfig> ReconcilerWorker::Stopped(const std::string& name) const {
  WaitForStop(name);
  if (reconciler_.readiness().draining) return base::Unexpected<CallError>(Draining());
  const auto status = reconciler_.status();
  const auto found = status->connectors.find(name);
  if (found == status->connectors.end()) {
    return base::Unexpected<CallError>({Kind::kNotFound, {}, {}});
  }
  const ConnectorView& view = found->second;
  if (!view.is_to_stop || !view.target) {
    return base::Unexpected<CallError>({Kind::kNotStopped, {}, {}});
  }
  if (!view.stopped) return base::Unexpected<CallError>({Kind::kStillActive, {}, {}});
  return *view.target;
}

connect::Result<void> ReconcilerWorker::ChangeOffsets(
    const std::string& name,
    const std::function<connect::Result<void>(const config::ConnectorConfig&)>& change) const {
  const auto config = Stopped(name);
  if (!config) return base::Unexpected<CallError>(config.error());
  const auto deadline = std::chrono::steady_clock::now() + kGroupBound;
  while (true) {
    auto done = change(*config);
    const bool is_active = !done && done.error().kind == Kind::kStillActive;
    if (!is_active || std::chrono::steady_clock::now() >= deadline) return done;
    std::this_thread::sleep_for(kGroupPause);
  }
}

connect::Result<void> ReconcilerWorker::AwaitStopped(const std::string& name) {
  return Stopped(name).map([](const config::ConnectorConfig&) {});
}

connect::Result<void> ReconcilerWorker::AlterOffsets(
    const std::string& name, const std::vector<connect::PartitionOffset>& offsets) {
  return ChangeOffsets(name, [&](const auto& config) { return groups_.alter(config, offsets); });
}

connect::Result<void> ReconcilerWorker::ResetOffsets(const std::string& name) {
  return ChangeOffsets(name, [&](const auto& config) { return groups_.reset(config); });
}

std::vector<std::string> ReconcilerWorker::Reload() {
  (void)reconciler_.Carry([](Hands& hands) { hands.look = true; });
  (void)reconciler_.AwaitStatus([](const reconcile::Status& status) { return status.settled; },
                                kReloadBound);
  const auto status = reconciler_.status();
  std::vector<std::string> problems;
  if (!status->look_error.empty()) problems.push_back(status->look_error);
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
