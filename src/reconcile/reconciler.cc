#include "reconcile/reconciler.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/log.h"
#include "reconcile/views.h"

namespace khs::reconcile {
namespace {

// How long a drain may exceed the grace: leaving a group takes longer when no broker answers.
constexpr std::chrono::seconds kDrainMargin{5};
// After so many scans the process counts as started even if files are still being written.
constexpr int kMaxScansBeforeStart = 5;

const base::Logger& Log() {
  static const base::Logger logger("reconcile");
  return logger;
}

void LogProblem(const std::string& connector, const config::Problem& problem) {
  const bool warning = problem.severity == config::Severity::kWarning;
  Log().LogEach(warning ? base::LogLevel::kWarn : base::LogLevel::kError,
                warning ? "definition has a warning" : "definition rejected",
                {{"connector", connector},
                 {"at", config::Place(problem)},
                 {"key", problem.key},
                 {"error", problem.message}});
}

}  // namespace

Reconciler::Reconciler(Settings settings, Connections connections, CheckDefinition check,
                       std::function<double()> chance, const base::Clock& clock,
                       metrics::Registry& registry)
    : settings_(std::move(settings)),
      clock_(clock),
      registry_(registry),
      store_(settings_.state_dir),
      source_(settings_.definitions, std::move(check), store_),
      schedule_(settings_.debounce, settings_.rescan_interval),
      fleet_(std::move(connections), store_, std::move(chance), settings_.shutdown_grace, clock,
             registry, [this] {
               const std::lock_guard lock(mutex_);
               events_.task_changed = true;
               changed_.notify_all();
             }) {}

Reconciler::~Reconciler() = default;

bool Reconciler::Run() {
  for (const std::string& error : store_.Load()) {
    Log().Error("cannot load part of state.dir, continuing without it", {{"error", error}});
  }
  // Releases the callers however Run ends.
  struct Closing {
    Reconciler& reconciler;
    ~Closing() { reconciler.Close(); }
  };
  const Closing closing{*this};
  // Created before the first scan, so that no change is missed.
  const std::unique_ptr<watch::Watcher> watcher = MakeWatcher();
  while (true) {
    const Events events = AwaitEvents();
    if (events.stop || events.drain) {
      const bool ended = StopAll();
      Publish(true);  // also before the end: a caller may wait for a drain
      if (events.stop) return ended;
    }
    if (drain_requested_) continue;  // nothing starts any more; only this thread writes it
    const base::MonotonicTime now = clock_.Monotonic();
    if (events.changed) schedule_.Changed(now, events.writing);
    if (events.rescan) schedule_.Request(now);
    ScanIfDue(now, watcher.get());
    // Commands need to know the definitions.
    std::deque<PendingCommand> commands;
    if (started_) commands = TakeCommands();
    if (ExecuteCommands(commands)) {
      schedule_.Request(now);
      ScanIfDue(now, watcher.get());
    }
    ReportProblems();
    fleet_.Reconcile(source_.desired(), std::exchange(restart_requests_, {}), now);
    Publish();
    for (auto& [command, done] : commands) done.set_value(true);
  }
}

std::deque<Reconciler::PendingCommand> Reconciler::TakeCommands() {
  const std::lock_guard lock(mutex_);
  return std::exchange(commands_, {});
}

void Reconciler::Close() {
  std::deque<PendingCommand> commands;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    commands.swap(commands_);
    changed_.notify_all();
  }
  for (auto& [command, done] : commands) done.set_value(false);
}

// Returns whether a command wants a scan.
bool Reconciler::ExecuteCommands(std::deque<PendingCommand>& commands) {
  CommandContext context{source_, fleet_.entries(), store_, restart_requests_};
  for (auto& [command, done] : commands) {
    command(context);
    source_.Refresh();  // the next command sees the result
  }
  return context.scan;
}

std::unique_ptr<watch::Watcher> Reconciler::MakeWatcher() {
  watch::Watcher::Listener listener{
      [this](watch::Watcher::Activity activity) {
        const std::lock_guard lock(mutex_);
        events_.changed = true;
        events_.writing = activity == watch::Watcher::Activity::kWriting;
        changed_.notify_all();
      },
      [this](watch::Watcher::Mode mode) {
        const bool inotify = mode == watch::Watcher::Mode::kInotify;
        registry_.SetWatchMode(inotify);
        Log().Log(inotify ? base::LogLevel::kInfo : base::LogLevel::kWarn,
                  inotify ? "watching the definitions with inotify"
                          : "inotify unavailable, polling instead",
                  {{"directory", settings_.definitions.directory.string()}});
      },
      [this](const std::string& error) {
        registry_.WatchFailed();
        Log().Warn("cannot watch connector definitions", {{"error", error}});
      }};
  try {
    return std::make_unique<watch::Watcher>(source_.watched(), std::move(listener),
                                            settings_.watcher);
  } catch (const std::exception& error) {
    registry_.WatchFailed();
    Log().Error(
        "cannot watch connector definitions, rescanning periodically",
        {{"error", std::string(error.what())}, {"every_ms", settings_.rescan_interval.count()}});
    return nullptr;
  }
}

Reconciler::Events Reconciler::AwaitEvents() {
  const base::MonotonicTime until = NextDue();
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, until,
                      [this] { return events_.any() || (started_ && !commands_.empty()); });
  return std::exchange(events_, Events{});
}

// When the loop must continue without an event.
base::MonotonicTime Reconciler::NextDue() const {
  if (drain_requested_) return clock_.Monotonic() + settings_.rescan_interval;
  return std::min(schedule_.due(), fleet_.NextStart());
}

void Reconciler::ScanIfDue(base::MonotonicTime now, watch::Watcher* watcher) {
  if (now >= schedule_.due()) {
    schedule_.Begin(now);
    const DefinitionSource::ScanResult result = source_.Scan(now);
    settled_ = result.outcome.has_value();
    started_ = started_ || result.outcome || ++scans_ >= kMaxScansBeforeStart;
    if (result.scan_again_at) schedule_.Request(*result.scan_again_at);
    ReportScan(result);
  }
  if (watcher == nullptr || source_.watched() == watched_) return;
  watched_ = source_.watched();
  watcher->Watch(watched_);
}

void Reconciler::ReportScan(const DefinitionSource::ScanResult& result) {
  if (result.error != scan_error_) {
    scan_error_ = result.error;
    if (result.error.empty()) {
      Log().Info("definitions can be read again");
    } else {
      Log().Error(
          "definitions cannot be read, keeping the connectors as they are",
          {{"directory", settings_.definitions.directory.string()}, {"error", result.error}});
    }
  }
  directory_was_read_ = directory_was_read_ || result.directory_error.empty();
  directory_unread_ = directory_was_read_ ? std::string()
                                          : settings_.definitions.directory.string() +
                                                " cannot be read: " + result.directory_error;
  ReportIgnored(result.ignored);
  if (result.outcome) registry_.Reloaded(*result.outcome);
}

// Logs each ignored file once for as long as it exists.
void Reconciler::ReportIgnored(const watch::IgnoredEntries& ignored) {
  std::string added;
  for (const std::string& name : ignored.names) {
    if (std::binary_search(ignored_.begin(), ignored_.end(), name)) continue;
    added += (added.empty() ? "" : ", ") + name;
  }
  ignored_ = ignored.names;
  if (added.empty()) return;
  Log().Warn("files in the directory are ignored, only *.toml is read",
             {{"directory", settings_.definitions.directory.string()},
              {"ignored", added},
              {"ignored_total", ignored.count}});
}

void Reconciler::ReportProblems() {
  std::map<std::string, config::Problems> now;
  size_t invalid = 0;
  for (const auto& [name, desired] : source_.desired()) {
    const Definition& definition = desired.newest;
    if (!definition.config) ++invalid;
    if (definition.problems.empty()) continue;
    now.emplace(name, definition.problems);
    const auto logged = reported_.find(name);
    if (logged != reported_.end() && logged->second == definition.problems) continue;
    for (const config::Problem& problem : definition.problems) LogProblem(name, problem);
    if (definition.config || !desired.config) continue;
    Log().Warn("newest definition is invalid, running the last good one",
               {{"connector", name}, {"file", definition.file}});
  }
  reported_ = std::move(now);
  registry_.SetConfigFiles(source_.desired().size() - invalid, invalid);
}

// Returns false when some connector did not end within the grace.
bool Reconciler::StopAll() {
  std::deque<PendingCommand> commands;
  const bool again = drain_requested_;
  {
    const std::lock_guard lock(mutex_);
    drain_requested_ = true;
    readiness_.draining = true;
    commands.swap(commands_);
  }
  for (auto& [command, done] : commands) done.set_value(false);
  fleet_.RequestStop();
  // After a drain, connectors get no second grace.
  const auto grace = again ? std::chrono::milliseconds(0) : settings_.shutdown_grace;
  const auto deadline = clock_.Monotonic() + grace + kDrainMargin;
  bool in_time = true;
  while (!fleet_.ended() && in_time) {
    std::unique_lock lock(mutex_);
    in_time = changed_.wait_until(lock, deadline, [&] { return events_.task_changed; });
    events_.task_changed = false;
  }
  const bool cut_off = !in_time || fleet_.cut_off();
  if (in_time) fleet_.Clear();
  const std::lock_guard lock(mutex_);
  cut_off_ = cut_off_ || cut_off;
  return in_time;
}

void Reconciler::Publish(bool drained) {
  Readiness readiness;
  readiness.started = started_;
  readiness.directory_unread = directory_unread_;
  const Fleet::Entries& entries = fleet_.entries();
  for (const auto& [name, entry] : entries) {
    if (!entry->connector || entry->draining) continue;
    if (auto why = entry->connector->unready()) readiness.waiting_for.push_back(std::move(*why));
  }
  auto status = std::make_shared<Status>();
  status->scan_error = scan_error_;
  status->settled = settled_;
  for (const auto& [name, desired] : source_.desired()) {
    const auto entry = entries.find(name);
    status->connectors.emplace(
        name, ViewOf(name, desired, entry == entries.end() ? nullptr : entry->second.get()));
  }
  const std::lock_guard lock(mutex_);
  readiness.draining = drain_requested_;
  readiness_ = std::move(readiness);
  status_ = std::move(status);
  drained_ = drained_ || drained;
  changed_.notify_all();
}

bool Reconciler::Execute(Command command) {
  std::future<bool> done;
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || drain_requested_ || events_.drain || events_.stop) return false;
    commands_.emplace_back(std::move(command), std::promise<bool>());
    done = commands_.back().second.get_future();
    changed_.notify_all();
  }
  return done.get();
}

std::shared_ptr<const Status> Reconciler::AwaitStatus(
    const std::function<bool(const Status&)>& condition, std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  bool holds = false;
  (void)changed_.wait_for(lock, timeout, [&] {
    holds = condition(*status_);
    return holds || closed_ || drain_requested_;
  });
  return holds ? status_ : nullptr;
}

void Reconciler::RequestRescan() {
  const std::lock_guard lock(mutex_);
  events_.rescan = true;
  changed_.notify_all();
}

void Reconciler::RequestStop() {
  const std::lock_guard lock(mutex_);
  events_.stop = true;
  changed_.notify_all();
}

bool Reconciler::Drain() {
  std::unique_lock lock(mutex_);
  if (!drain_requested_) {
    events_.drain = true;
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
