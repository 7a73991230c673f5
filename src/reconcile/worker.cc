#include "reconcile/worker.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "watch/snapshot.h"

namespace khs::reconcile {
namespace {

using rest::Refusal;
using Kind = Refusal::Kind;
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

Target TargetOf(rest::TargetState state) {
  if (state == rest::TargetState::kPaused) return Target::kPaused;
  return state == rest::TargetState::kStopped ? Target::kStopped : Target::kStarted;
}

const Wanted* Find(const Hands& hands, const std::string& name) {
  const auto found = hands.source.desired().find(name);
  return found == hands.source.desired().end() ? nullptr : &found->second;
}

// A file is the truth about what it defines.
std::optional<Refusal> DefinedByFile(const std::string& name, const Wanted* wanted) {
  if (wanted == nullptr || wanted->newest.origin != Origin::kFile) return std::nullopt;
  return Refusal{
      Kind::kFileDefined,
      "Connector " + name + " is defined by the file " + wanted->newest.file + ": change it there",
      {}};
}

std::optional<Refusal> Examine(const Hands& hands, const std::string& name,
                               const Written& written) {
  Refusal refusal{Kind::kInvalid, {}, {}};
  for (const config::Problem& problem : hands.source.Examine(name, written)) {
    if (problem.severity != config::Severity::kError) continue;
    refusal.problems.push_back(config::MessageWithKey(problem));
    // Kafka Connect finds it with both keys.
    const bool of_both = problem.key.starts_with("topics") &&
                         refusal.problems.back().find("topics.regex") != std::string::npos &&
                         refusal.problems.back().find("Invalid value") == std::string::npos;
    if (of_both) refusal.problems.push_back(refusal.problems.back());
  }
  if (refusal.problems.empty()) return std::nullopt;
  return refusal;
}

std::optional<Refusal> Store(Hands& hands, const std::string& name, StoredConnector connector) {
  if (auto failure = hands.store.Put(name, std::move(connector))) {
    return Refusal{Kind::kCannotStore, std::move(*failure), {}};
  }
  return std::nullopt;
}

// Of a connector that is to be made.
std::optional<Refusal> JudgeCount(const Hands& hands) {
  const auto& connectors = hands.store.connectors();
  const auto count = std::count_if(connectors.begin(), connectors.end(),
                                   [](const auto& each) { return each.second.config.has_value(); });
  constexpr size_t kMost = watch::kMaxDefinitionFiles;
  if (static_cast<size_t>(count) < kMost) return std::nullopt;
  return Refusal{Kind::kTooMany,
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
std::optional<Refusal> Define(Hands& hands, const std::string& name, Written written) {
  written["name"] = name;
  if (auto refusal = Examine(hands, name, written)) return refusal;
  StoredConnector stored = StoredOf(hands, name);
  if (!stored.config) {
    if (auto refusal = JudgeCount(hands)) return refusal;
  }
  // What stayed behind of a file that was removed while nobody looked is not its.
  if (Find(hands, name) == nullptr) stored.target = Target::kStarted;
  stored.config = std::move(written);
  return Store(hands, name, std::move(stored));
}

Refusal Draining() { return {Kind::kUnavailable, "the process is draining", {}}; }

bool HasFailed(const rest::ConnectorStatus& status) {
  return status.state == rest::RunState::kFailed ||
         std::any_of(status.tasks.begin(), status.tasks.end(),
                     [](const auto& task) { return task.state == rest::RunState::kFailed; });
}

}  // namespace

Worker::Worker(Reconciler& reconciler, GroupAccess groups)
    : reconciler_(reconciler), groups_(std::move(groups)) {}

rest::Outcome<rest::Done> Worker::Carry(
    const std::function<std::optional<Refusal>(Hands&)>& order) {
  std::optional<Refusal> refusal;
  if (!reconciler_.Carry([&](Hands& hands) { refusal = order(hands); })) {
    return base::Unexpected<Refusal>(Draining());
  }
  if (refusal) return base::Unexpected<Refusal>(std::move(*refusal));
  return rest::Done{};
}

std::vector<std::string> Worker::Names() const {
  std::vector<std::string> names;
  const auto status = reconciler_.status();
  for (const auto& [name, view] : status->connectors) names.push_back(name);
  return names;
}

std::optional<rest::ConnectorInfo> Worker::Info(const std::string& name) const {
  const auto status = reconciler_.status();
  const auto found = status->connectors.find(name);
  if (found == status->connectors.end()) return std::nullopt;
  return found->second.info;
}

std::optional<rest::ConnectorStatus> Worker::Status(const std::string& name) const {
  const auto status = reconciler_.status();
  const auto found = status->connectors.find(name);
  if (found == status->connectors.end()) return std::nullopt;
  return found->second.status;
}

rest::Outcome<rest::ConnectorInfo> Worker::Create(const std::string& name,
                                                  const rest::ConfigMap& config,
                                                  rest::TargetState initial) {
  const auto done = Carry([&](Hands& hands) -> std::optional<Refusal> {
    Written written = config;
    written["name"] = name;
    if (auto refusal = Examine(hands, name, written)) return refusal;
    if (Find(hands, name) != nullptr || StoredOf(hands, name).config) {
      return Refusal{Kind::kExists, {}, {}};
    }
    if (auto refusal = JudgeCount(hands)) return refusal;
    return Store(hands, name, {std::move(written), TargetOf(initial)});
  });
  if (!done) return base::Unexpected<Refusal>(done.error());
  return Info(name).value_or(rest::ConnectorInfo{name, config, {}});
}

rest::Outcome<Worker::Stored> Worker::Put(const std::string& name, const rest::ConfigMap& config) {
  Stored stored;
  const auto done = Carry([&](Hands& hands) -> std::optional<Refusal> {
    const Wanted* wanted = Find(hands, name);
    if (auto refusal = DefinedByFile(name, wanted)) return refusal;
    stored.created = wanted == nullptr;
    return Define(hands, name, config);
  });
  if (!done) return base::Unexpected<Refusal>(done.error());
  stored.info = Info(name).value_or(rest::ConnectorInfo{name, config, {}});
  return stored;
}

rest::Outcome<rest::ConnectorInfo> Worker::Patch(const std::string& name,
                                                 const rest::ConfigPatch& patch) {
  const auto done = Carry([&](Hands& hands) -> std::optional<Refusal> {
    const Wanted* wanted = Find(hands, name);
    if (wanted == nullptr) return Refusal{Kind::kNotFound, {}, {}};
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
  if (!done) return base::Unexpected<Refusal>(done.error());
  return Info(name).value_or(rest::ConnectorInfo{name, {}, {}});
}

rest::Outcome<rest::Done> Worker::Delete(const std::string& name) {
  return Carry([&](Hands& hands) -> std::optional<Refusal> {
    const Wanted* wanted = Find(hands, name);
    if (wanted == nullptr) return Refusal{Kind::kNotFound, {}, {}};
    if (auto refusal = DefinedByFile(name, wanted)) return refusal;
    if (auto failure = hands.store.Remove(name)) {
      return Refusal{Kind::kCannotStore, std::move(*failure), {}};
    }
    // Nothing of it is left to one of its name that comes while it drains.
    const auto entry = hands.entries.find(name);
    if (entry != hands.entries.end()) entry->second->metrics->ResetActiveTopics();
    return std::nullopt;
  });
}

rest::Outcome<rest::Done> Worker::SetTarget(const std::string& name, rest::TargetState target) {
  auto done = Carry([&](Hands& hands) -> std::optional<Refusal> {
    if (Find(hands, name) == nullptr) return Refusal{Kind::kNotFound, {}, {}};
    StoredConnector stored = StoredOf(hands, name);
    const Target before = std::exchange(stored.target, TargetOf(target));
    if (before == stored.target) return std::nullopt;
    // Of one that a file defines there is nothing to keep but that it does not run.
    if (!stored.config && stored.target == Target::kStarted) {
      if (auto failure = hands.store.Remove(name)) {
        return Refusal{Kind::kCannotStore, std::move(*failure), {}};
      }
      return std::nullopt;
    }
    return Store(hands, name, std::move(stored));
  });
  // Who is told of a stop goes on to what needs a stopped connector.
  if (done && target == rest::TargetState::kStopped) WaitForStop(name);
  return done;
}

void Worker::WaitForStop(const std::string& name) const {
  (void)reconciler_.AwaitStatus(
      [&name](const reconcile::Status& status) {
        const auto found = status.connectors.find(name);
        return found == status.connectors.end() || !found->second.is_to_stop ||
               found->second.stopped;
      },
      kStopBound);
}

rest::Outcome<rest::ConnectorStatus> Worker::Restart(const std::string& name, bool include_tasks,
                                                     bool only_failed) {
  const auto before = Status(name);
  if (!before) return base::Unexpected<Refusal>({Kind::kNotFound, {}, {}});
  // Without its tasks there is nothing to a connector that could be restarted.
  const bool restarts =
      include_tasks ? !only_failed || HasFailed(*before) : before->state == rest::RunState::kFailed;
  const auto done = Carry([&](Hands& hands) -> std::optional<Refusal> {
    if (Find(hands, name) == nullptr) return Refusal{Kind::kNotFound, {}, {}};
    if (restarts) hands.restarts.insert(name);
    return std::nullopt;
  });
  if (!done) return base::Unexpected<Refusal>(done.error());
  rest::ConnectorStatus status = *before;
  const auto selected = [&](rest::RunState state) {
    return !only_failed || state == rest::RunState::kFailed;
  };
  if (selected(status.state)) status.state = rest::RunState::kRestarting;
  for (rest::TaskStatus& task : status.tasks) {
    if (include_tasks && selected(task.state)) task.state = rest::RunState::kRestarting;
  }
  return status;
}

rest::Outcome<rest::Done> Worker::RestartTask(const std::string& name, int task) {
  const auto status = Status(name);
  if (!status) return base::Unexpected<Refusal>({Kind::kNotFound, {}, {}});
  const bool is_there = std::any_of(status->tasks.begin(), status->tasks.end(),
                                    [task](const auto& each) { return each.id == task; });
  if (!is_there) return base::Unexpected<Refusal>({Kind::kNoSuchTask, {}, {}});
  return Carry([&](Hands& hands) -> std::optional<Refusal> {
    if (Find(hands, name) == nullptr) return Refusal{Kind::kNotFound, {}, {}};
    hands.restarts.insert(name);
    return std::nullopt;
  });
}

std::vector<std::string> Worker::ActiveTopics(const std::string& name) const {
  std::vector<std::string> topics;
  (void)reconciler_.Carry([&](Hands& hands) {
    const auto found = hands.entries.find(name);
    // One that was deleted may be draining yet.
    const bool is_there = Find(hands, name) != nullptr && found != hands.entries.end();
    if (is_there) topics = found->second->metrics->ActiveTopics();
  });
  return topics;
}

void Worker::ResetActiveTopics(const std::string& name) {
  (void)reconciler_.Carry([&](Hands& hands) {
    const auto found = hands.entries.find(name);
    if (found != hands.entries.end()) found->second->metrics->ResetActiveTopics();
  });
}

rest::Outcome<std::vector<rest::PartitionOffset>> Worker::Offsets(const std::string& name) {
  if (reconciler_.readiness().draining) return base::Unexpected<Refusal>(Draining());
  const auto status = reconciler_.status();
  const auto found = status->connectors.find(name);
  if (found == status->connectors.end())
    return base::Unexpected<Refusal>({Kind::kNotFound, {}, {}});
  // Of one that was never valid nobody knows the group.
  if (!found->second.target) return std::vector<rest::PartitionOffset>{};
  return groups_.list(*found->second.target);
}

rest::Outcome<config::ConnectorConfig> Worker::Stopped(const std::string& name) const {
  WaitForStop(name);
  if (reconciler_.readiness().draining) return base::Unexpected<Refusal>(Draining());
  const auto status = reconciler_.status();
  const auto found = status->connectors.find(name);
  if (found == status->connectors.end()) {
    return base::Unexpected<Refusal>({Kind::kNotFound, {}, {}});
  }
  const ConnectorView& view = found->second;
  if (!view.is_to_stop || !view.target) {
    return base::Unexpected<Refusal>({Kind::kNotStopped, {}, {}});
  }
  if (!view.stopped) return base::Unexpected<Refusal>({Kind::kStillActive, {}, {}});
  return *view.target;
}

rest::Outcome<rest::Done> Worker::ChangeOffsets(
    const std::string& name,
    const std::function<rest::Outcome<rest::Done>(const config::ConnectorConfig&)>& change) const {
  const auto config = Stopped(name);
  if (!config) return base::Unexpected<Refusal>(config.error());
  const auto deadline = std::chrono::steady_clock::now() + kGroupBound;
  while (true) {
    auto done = change(*config);
    const bool is_active = !done && done.error().kind == Kind::kStillActive;
    if (!is_active || std::chrono::steady_clock::now() >= deadline) return done;
    std::this_thread::sleep_for(kGroupPause);
  }
}

rest::Outcome<rest::Done> Worker::AwaitStopped(const std::string& name) {
  return Stopped(name).map([](const config::ConnectorConfig&) { return rest::Done{}; });
}

rest::Outcome<rest::Done> Worker::AlterOffsets(const std::string& name,
                                               const std::vector<rest::PartitionOffset>& offsets) {
  return ChangeOffsets(name, [&](const auto& config) { return groups_.alter(config, offsets); });
}

rest::Outcome<rest::Done> Worker::ResetOffsets(const std::string& name) {
  return ChangeOffsets(name, [&](const auto& config) { return groups_.reset(config); });
}

std::vector<std::string> Worker::Reload() {
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
