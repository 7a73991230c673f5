#include "reconcile/reconciler.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/log.h"

namespace khs::reconcile {
namespace {

using State = Standing::State;

// What a drain may take beyond the grace, for leaving groups whose broker does not answer.
constexpr std::chrono::seconds kDrainMargin{5};
// After so many looks whatever is still being written is no reason to seem not started.
constexpr int kLooksToStart = 2;

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

State StandingOf(const Connector& connector) {
  switch (connector.health()) {
    case Connector::Health::kFailed:
      return State::kFailed;
    case Connector::Health::kCannotStart:
      return State::kCannotStart;
    case Connector::Health::kStarting:
    case Connector::Health::kRunning:
      break;
  }
  return State::kWorking;
}

}  // namespace

Reconciler::Reconciler(Settings settings, Connections connections, CheckDefinition check,
                       std::function<double()> chance, const base::Clock& clock,
                       metrics::Registry& registry)
    : settings_(std::move(settings)),
      connections_(std::move(connections)),
      chance_(std::move(chance)),
      clock_(clock),
      registry_(registry),
      source_(settings_.definitions, std::move(check)),
      schedule_(settings_.debounce, settings_.rescan_interval) {}

Reconciler::~Reconciler() = default;

void Reconciler::Run() {
  // Before the first look, which therefore misses nothing.
  const std::unique_ptr<watch::Watcher> watcher = MakeWatcher();
  while (true) {
    const Requests requests = Await();
    if (requests.stop || requests.drain) {
      StopAll();
      Publish(true);  // before the end as well: somebody may wait for a drain
      if (requests.stop) return;
      continue;
    }
    if (drain_requested_) continue;  // nothing starts any more; written by this thread alone
    const base::MonotonicTime now = clock_.Read().monotonic;
    if (requests.changed) schedule_.Changed(now, requests.writing);
    if (requests.look) schedule_.Ask(now);
    LookIfDue(now, watcher.get());
    Reconcile(now);
    Publish();
  }
}

std::unique_ptr<watch::Watcher> Reconciler::MakeWatcher() {
  watch::Watcher::Listener listener{
      [this](watch::Watcher::Activity activity) {
        const std::lock_guard lock(mutex_);
        requests_.changed = true;
        requests_.writing = activity == watch::Watcher::Activity::kWriting;
        changed_.notify_all();
      },
      [this](watch::Watcher::Mode mode) {
        const bool inotify = mode == watch::Watcher::Mode::kInotify;
        registry_.SetWatchMode(inotify);
        Log().Log(inotify ? base::LogLevel::kInfo : base::LogLevel::kWarn,
                  inotify ? "definitions are watched by inotify"
                          : "inotify is not to be had; definitions are polled until it is",
                  {{"directory", settings_.definitions.directory.string()}});
      },
      [this](const std::string& error) {
        registry_.WatchFailed();
        Log().Warn("watching the definitions meets trouble", {{"error", error}});
      }};
  try {
    return std::make_unique<watch::Watcher>(source_.watched(), std::move(listener),
                                            settings_.watcher);
  } catch (const std::exception& error) {
    registry_.WatchFailed();
    Log().Error(
        "definitions cannot be watched; they are read again from time to time",
        {{"error", std::string(error.what())}, {"every_ms", settings_.rescan_interval.count()}});
    return nullptr;
  }
}

Reconciler::Requests Reconciler::Await() {
  const base::MonotonicTime until = NextDue();
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, until, [this] { return requests_.any(); });
  return std::exchange(requests_, Requests{});
}

// The next thing that only time brings.
base::MonotonicTime Reconciler::NextDue() const {
  base::MonotonicTime due = schedule_.due();
  for (const auto& [name, entry] : entries_) {
    const bool waits = entry->connector && !entry->ending &&
                       entry->connector->health() == Connector::Health::kCannotStart;
    if (waits) due = std::min(due, entry->backoff.due());
  }
  if (drain_requested_) return clock_.Read().monotonic + settings_.rescan_interval;
  return due;
}

void Reconciler::LookIfDue(base::MonotonicTime now, watch::Watcher* watcher) {
  if (now < schedule_.due()) return;
  schedule_.Begin(now);
  const auto watched = source_.watched();
  const DefinitionSource::Look look = source_.LookAgain(now);
  started_ = started_ || look.outcome || ++looks_ >= kLooksToStart;
  if (look.look_again) schedule_.Ask(*look.look_again);
  if (watcher != nullptr && source_.watched() != watched) watcher->Watch(source_.watched());
  ReportLook(look);
}

void Reconciler::ReportLook(const DefinitionSource::Look& look) {
  if (look.error != look_error_) {
    look_error_ = look.error;
    if (look.error.empty()) {
      Log().Info("definitions can be read again");
    } else {
      // Not the same as an empty directory.
      Log().Error("definitions cannot be read; what runs goes on",
                  {{"directory", settings_.definitions.directory.string()}, {"error", look.error}});
    }
  }
  if (!look.outcome) return;
  registry_.Reloaded(*look.outcome);
  ReportProblems();
}

void Reconciler::ReportProblems() {
  std::map<std::string, config::Problems> now;
  size_t invalid = 0;
  for (const auto& [name, wanted] : source_.desired()) {
    const Definition& definition = wanted.newest;
    if (!definition.config) ++invalid;
    if (definition.problems.empty()) continue;
    now.emplace(definition.file, definition.problems);
    const auto said = reported_.find(definition.file);
    if (said != reported_.end() && said->second == definition.problems) continue;
    for (const config::Problem& problem : definition.problems) LogProblem(problem);
    if (definition.config || !wanted.target) continue;
    Log().Warn("newest definition is invalid; the last good one goes on",
               {{"connector", name}, {"file", definition.file}});
  }
  reported_ = std::move(now);
  registry_.SetConfigFiles(source_.desired().size() - invalid, invalid);
}

void Reconciler::Reconcile(base::MonotonicTime now) {
  for (const auto& [name, entry] : entries_) {
    Reap(*entry);
    Observe(*entry, now);
  }
  for (const Step& step : MakePlan(source_.desired(), CurrentState(), now)) Execute(step);
  ShowStates();
}

// What has drained has ended: its threads are joined without waiting.
void Reconciler::Reap(Entry& entry) {
  if (!entry.ending || !entry.connector->ended()) return;
  entry.connector.reset();
  entry.ending = false;
}

void Reconciler::Observe(Entry& entry, base::MonotonicTime now) {
  if (!entry.connector) return;
  entry.connector->Observe();
  switch (entry.connector->health()) {
    case Connector::Health::kRunning:
      entry.backoff.Reset();
      break;
    case Connector::Health::kCannotStart:
      if (!std::exchange(entry.failure_counted, true)) entry.backoff.Failed(now, chance_());
      break;
    case Connector::Health::kStarting:
    case Connector::Health::kFailed:
      break;
  }
}

Actual Reconciler::CurrentState() const {
  Actual actual;
  for (const auto& [name, entry] : entries_) {
    Standing standing;
    if (entry->connector) {
      standing.state = entry->ending ? State::kEnding : StandingOf(*entry->connector);
      standing.config = &entry->connector->config();
      standing.retry_at = entry->backoff.due();
    }
    actual.emplace(name, standing);
  }
  return actual;
}

void Reconciler::Execute(const Step& step) {
  const auto wanted = source_.desired().find(step.name);
  switch (step.action) {
    case Action::kStart:
      Start(step.name, wanted->second);
      break;
    case Action::kApply:
      Apply(step.name, wanted->second, step.difference);
      break;
    case Action::kRestart:
      Restart(step.name, wanted->second, step.difference);
      break;
    case Action::kStop:
      Stop(*entries_.at(step.name));
      Log().Info("connector is removed", {{"connector", step.name}});
      if (!entries_.at(step.name)->connector) entries_.erase(step.name);
      break;
    case Action::kShowFailed:
      if (!entries_.contains(step.name)) {
        entries_.emplace(step.name,
                         std::make_unique<Entry>(registry_, metrics::ConnectorMetrics::Identity{
                                                                step.name, "", "", "file"}));
      }
      break;
    case Action::kForget:
      entries_.erase(step.name);
      break;
    case Action::kKeep:
      break;
  }
}

void Reconciler::Start(const std::string& name, const Wanted& wanted) {
  const auto identity = IdentityOf(*wanted.target);
  std::unique_ptr<Entry>& entry = entries_[name];
  if (!entry) entry = std::make_unique<Entry>(registry_, identity);
  entry->metrics.SetIdentity(identity);
  entry->generation = wanted.target_generation;
  entry->text = wanted.target_text;
  entry->failure_counted = false;
  entry->connector =
      std::make_unique<Connector>(*wanted.target, connections_, clock_, entry->metrics, [this] {
        const std::lock_guard lock(mutex_);
        requests_.task_changed = true;
        changed_.notify_all();
      });
  Observe(*entry, clock_.Read().monotonic);
  Log().Info("connector started", {{"connector", name}, {"file", wanted.target_file}});
}

void Reconciler::Apply(const std::string& name, const Wanted& wanted,
                       const Difference& difference) {
  Entry& entry = *entries_.at(name);
  try {
    entry.connector->Apply(*wanted.target, difference);
  } catch (const std::exception& error) {
    // It was checked before: a file must have changed since, which brings another look.
    Log().Error("new definition cannot be used; the last good one goes on",
                {{"connector", name}, {"error", std::string(error.what())}});
    return;
  }
  entry.metrics.SetIdentity(IdentityOf(*wanted.target));
  entry.generation = wanted.target_generation;
  entry.text = wanted.target_text;
  Log().Info("definition applied without a restart",
             {{"connector", name}, {"file", wanted.target_file}});
}

void Reconciler::Restart(const std::string& name, const Wanted& wanted,
                         const Difference& difference) {
  Entry& entry = *entries_.at(name);
  metrics::RestartReason reason = metrics::RestartReason::kError;
  if (difference.any()) {
    entry.backoff.Reset();
    reason = entry.text == wanted.target_text ? metrics::RestartReason::kSecret
                                              : metrics::RestartReason::kConfig;
  }
  entry.metrics.Restarted(reason);
  Log().Info("connector restarts", {{"connector", name}, {"reason", metrics::Label(reason)}});
  Stop(entry);
  if (!entry.connector) Start(name, wanted);
}

void Reconciler::Stop(Entry& entry) {
  entry.connector->RequestStop(settings_.shutdown_grace);
  entry.ending = true;
  Reap(entry);
}

void Reconciler::ShowStates() {
  for (const auto& [name, entry] : entries_) {
    const auto wanted = source_.desired().find(name);
    const bool known = wanted != source_.desired().end();
    entry->metrics.SetInvalid(known && !wanted->second.newest.config);
    entry->metrics.SetState(StateOf(*entry, known));
  }
}

ConnectorState Reconciler::StateOf(const Entry& entry, bool is_wanted) const {
  if (entry.ending) return is_wanted ? ConnectorState::kRestarting : ConnectorState::kUnassigned;
  if (!entry.connector) return ConnectorState::kFailed;
  switch (entry.connector->health()) {
    case Connector::Health::kStarting:
      return ConnectorState::kUnassigned;
    case Connector::Health::kRunning:
      return ConnectorState::kRunning;
    case Connector::Health::kFailed:
    case Connector::Health::kCannotStart:
      break;
  }
  return ConnectorState::kFailed;
}

void Reconciler::StopAll() {
  {
    const std::lock_guard lock(mutex_);
    drain_requested_ = true;
    readiness_.draining = true;
  }
  for (const auto& [name, entry] : entries_) {
    if (entry->connector) entry->connector->RequestStop(settings_.shutdown_grace);
  }
  const auto all_ended = [this] {
    return std::all_of(entries_.begin(), entries_.end(), [](const auto& entry) {
      return !entry.second->connector || entry.second->connector->ended();
    });
  };
  while (!all_ended()) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return requests_.task_changed; });
    requests_.task_changed = false;
  }
  const bool cut_off = std::any_of(entries_.begin(), entries_.end(), [](const auto& entry) {
    return entry.second->connector && entry.second->connector->cut_off();
  });
  entries_.clear();
  const std::lock_guard lock(mutex_);
  cut_off_ = cut_off_ || cut_off;
}

ConnectorView Reconciler::ViewOf(const std::string& name, const Wanted& wanted) const {
  ConnectorView view;
  view.name = name;
  view.file = wanted.newest.file;
  view.invalid = !wanted.newest.config;
  view.generation = wanted.generation;
  if (view.invalid) {
    for (const config::Problem& problem : wanted.newest.problems) {
      view.trace += config::Format(problem) + '\n';
    }
  }
  const auto found = entries_.find(name);
  if (found == entries_.end()) return view;
  const Entry& entry = *found->second;
  view.observed_generation = entry.generation;
  view.state = StateOf(entry, true);
  if (!entry.connector) return view;
  view.tasks = entry.connector->tasks();
  view.trace += entry.connector->trace();
  return view;
}

void Reconciler::Publish(bool drained) {
  Readiness readiness;
  readiness.started = started_;
  for (const auto& [name, entry] : entries_) {
    if (!entry->connector) continue;
    if (auto why = entry->connector->unready()) readiness.waiting_for.push_back(std::move(*why));
  }
  auto status = std::make_shared<Status>();
  for (const auto& [name, wanted] : source_.desired()) status->push_back(ViewOf(name, wanted));
  const std::lock_guard lock(mutex_);
  readiness.draining = drain_requested_;
  readiness_ = std::move(readiness);
  status_ = std::move(status);
  drained_ = drained_ || drained;
  changed_.notify_all();
}

void Reconciler::RequestRescan() {
  const std::lock_guard lock(mutex_);
  requests_.look = true;
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

std::shared_ptr<const Status> Reconciler::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

}  // namespace khs::reconcile
