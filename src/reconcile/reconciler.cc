#include "reconcile/reconciler.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace khs::reconcile {
namespace {

// What a drain may take beyond the grace, for leaving groups whose broker does not answer.
constexpr std::chrono::seconds kDrainMargin{5};

const base::Logger& Log() {
  static const base::Logger logger("reconcile");
  return logger;
}

void LogProblem(const config::Problem& problem) {
  const bool warning = problem.severity == config::Severity::kWarning;
  Log().Log(warning ? base::LogLevel::kWarn : base::LogLevel::kError,
            warning ? "definition has a warning" : "definition rejected",
            {{"at", config::Place(problem)}, {"key", problem.key}, {"error", problem.message}});
}

}  // namespace

Reconciler::Reconciler(Settings settings, Connections connections, const base::Clock& clock,
                       metrics::Registry& registry)
    : settings_(std::move(settings)),
      connections_(std::move(connections)),
      clock_(clock),
      registry_(registry) {}

Reconciler::~Reconciler() = default;

void Reconciler::Run() {
  while (true) {
    const Requests requests = Await();
    if (requests.stop || requests.drain) {
      StopAll();
      PublishReadiness(true);  // before the end as well: somebody may wait for a drain
      if (requests.stop) return;
      continue;
    }
    if (requests.rescan) Rescan();
    for (const auto& [name, connector] : connectors_) connector->Observe();
    PublishReadiness();
  }
}

Reconciler::Requests Reconciler::Await() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return requests_.any(); });
  return std::exchange(requests_, Requests{.rescan = false});
}

void Reconciler::Rescan() {
  {
    const std::lock_guard lock(mutex_);
    if (drain_requested_) return;  // nothing starts any more
  }
  const watch::Snapshot snapshot = watch::ReadDirectory(settings_.directory);
  if (!snapshot.error.empty()) {
    // Not the same as an empty directory: what runs goes on.
    Log().Error("connector directory cannot be read; what runs goes on",
                {{"directory", settings_.directory.string()}, {"error", snapshot.error}});
    started_ = true;
    return;
  }
  const Desired desired =
      JudgeSnapshot(snapshot, settings_.defaults, settings_.defaults_file, names_by_file_);
  ReportProblems(desired);
  const std::vector<Step> steps = MakePlan(desired, CurrentState());
  Execute(steps, desired);
  started_ = true;
}

void Reconciler::ReportProblems(const Desired& desired) {
  std::map<std::string, config::Problems> now;
  size_t invalid = 0;
  for (const auto& [name, definition] : desired) {
    if (!definition.config) ++invalid;
    if (definition.problems.empty()) continue;
    now.emplace(definition.file, definition.problems);
    const auto said = reported_.find(definition.file);
    if (said != reported_.end() && said->second == definition.problems) continue;
    for (const config::Problem& problem : definition.problems) LogProblem(problem);
  }
  reported_ = std::move(now);
  registry_.SetConfigFiles(desired.size() - invalid, invalid);
}

Actual Reconciler::CurrentState() const {
  Actual actual;
  for (const auto& [name, connector] : connectors_) actual.emplace(name, connector->config());
  return actual;
}

std::unique_ptr<Connector> Reconciler::Start(const config::ConnectorConfig& config) {
  return std::make_unique<Connector>(config, connections_, clock_, registry_, [this] {
    const std::lock_guard lock(mutex_);
    requests_.task_changed = true;
    changed_.notify_all();
  });
}

void Reconciler::Execute(const std::vector<Step>& steps, const Desired& desired) {
  // All that end drain side by side, before anything takes their place.
  std::vector<const Connector*> ending;
  for (const Step& step : steps) {
    if (step.action == Action::kStop || step.action == Action::kRestart) {
      connectors_.at(step.name)->RequestStop(settings_.shutdown_grace);
      ending.push_back(connectors_.at(step.name).get());
    }
  }
  // Waits without closing its eyes; an end of everything comes before any new beginning.
  if (!AwaitEnds(ending, true)) return;
  for (const Step& step : steps) {
    const auto found = desired.find(step.name);
    const Definition* definition = found == desired.end() ? nullptr : &found->second;
    switch (step.action) {
      case Action::kStart:
      case Action::kRestart:
        connectors_.erase(step.name);  // waits for its end, and frees its series for the next
        connectors_[step.name] = Start(*definition->config);
        names_by_file_[definition->file] = step.name;
        Log().Info(step.action == Action::kStart ? "connector started" : "connector restarted",
                   {{"connector", step.name}, {"file", definition->file}});
        break;
      case Action::kStop:
        connectors_.erase(step.name);
        std::erase_if(names_by_file_, [&](const auto& entry) { return entry.second == step.name; });
        Log().Info("connector removed", {{"connector", step.name}});
        break;
      case Action::kKeep:
        connectors_.at(step.name)->SetInvalid(false);
        names_by_file_[definition->file] = step.name;
        break;
      case Action::kKeepLast:
        connectors_.at(step.name)->SetInvalid(true);
        Log().Warn("newest definition is invalid; the last good one goes on",
                   {{"connector", step.name}, {"file", definition->file}});
        break;
      case Action::kShowFailed:
        if (!connectors_.contains(step.name)) {
          connectors_[step.name] = std::make_unique<Connector>(step.name, registry_);
        }
        break;
    }
  }
}

// Until all have ended. False when it was given up because the process is to stop or to drain.
bool Reconciler::AwaitEnds(const std::vector<const Connector*>& ending, bool give_up_on_stop) {
  while (true) {
    for (const auto& [name, connector] : connectors_) connector->Observe();
    const bool all = std::all_of(ending.begin(), ending.end(),
                                 [](const Connector* connector) { return connector->ended(); });
    if (all) return true;
    std::unique_lock lock(mutex_);
    const auto stop = [&] { return give_up_on_stop && (requests_.stop || requests_.drain); };
    changed_.wait(lock, [&] { return requests_.task_changed || stop(); });
    if (stop()) return false;
    requests_.task_changed = false;
  }
}

void Reconciler::StopAll() {
  {
    const std::lock_guard lock(mutex_);
    drain_requested_ = true;
    readiness_.draining = true;
  }
  std::vector<const Connector*> ending;
  for (const auto& [name, connector] : connectors_) {
    connector->RequestStop(settings_.shutdown_grace);
    ending.push_back(connector.get());
  }
  AwaitEnds(ending, false);
  const bool cut_off = std::any_of(ending.begin(), ending.end(),
                                   [](const Connector* connector) { return connector->cut_off(); });
  connectors_.clear();
  const std::lock_guard lock(mutex_);
  cut_off_ = cut_off_ || cut_off;
}

void Reconciler::PublishReadiness(bool drained) {
  Readiness readiness;
  readiness.started = started_;
  for (const auto& [name, connector] : connectors_) {
    if (auto why = connector->unready()) readiness.waiting_for.push_back(std::move(*why));
  }
  const std::lock_guard lock(mutex_);
  readiness.draining = drain_requested_;
  readiness_ = std::move(readiness);
  drained_ = drained_ || drained;
  changed_.notify_all();
}

void Reconciler::RequestRescan() {
  const std::lock_guard lock(mutex_);
  requests_.rescan = true;
  changed_.notify_all();
}

void Reconciler::RequestStop() {
  const std::lock_guard lock(mutex_);
  requests_.stop = true;
  changed_.notify_all();
}

bool Reconciler::Drain() {
  std::unique_lock lock(mutex_);
  if (!drain_requested_) {
    requests_.drain = true;
    changed_.notify_all();
  }
  const bool drained =
      changed_.wait_for(lock, settings_.shutdown_grace + kDrainMargin, [this] { return drained_; });
  return drained && !cut_off_;
}

Readiness Reconciler::readiness() const {
  const std::lock_guard lock(mutex_);
  return readiness_;
}

}  // namespace khs::reconcile
