#include "reconcile/reconciler.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/log.h"
#include "reconcile/views.h"

namespace khs::reconcile {
namespace {

// What a drain may take beyond the grace, for leaving groups whose broker does not answer.
constexpr std::chrono::seconds kDrainMargin{5};
// After so many looks whatever is still being written is no reason to seem not started.
constexpr int kLooksToStart = 5;

const base::Logger& Log() {
  static const base::Logger logger("reconcile");
  return logger;
}

// Each is somebody's to mend.
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
               requests_.task_changed = true;
               changed_.notify_all();
             }) {}

Reconciler::~Reconciler() = default;

bool Reconciler::Run() {
  for (const std::string& trouble : store_.Load()) {
    Log().Error("state.dir has a trouble; all else goes on", {{"error", trouble}});
  }
  // However it ends, nobody waits for an order in vain.
  struct Closing {
    Reconciler& reconciler;
    ~Closing() { reconciler.Close(); }
  };
  const Closing closing{*this};
  // Before the first look, which therefore misses nothing.
  const std::unique_ptr<watch::Watcher> watcher = MakeWatcher();
  while (true) {
    Requests requests = Await();
    if (requests.stop || requests.drain) {
      const bool ended = StopAll();
      Publish(true);  // before the end as well: somebody may wait for a drain
      if (requests.stop) return ended;
    }
    if (drain_requested_) continue;  // nothing starts any more; written by this thread alone
    const base::MonotonicTime now = clock_.Monotonic();
    if (requests.changed) schedule_.Changed(now, requests.writing);
    if (requests.look) schedule_.Ask(now);
    LookIfDue(now, watcher.get());
    // Before the definitions are known nobody can tell what an order would meet.
    std::deque<Waiting> orders;
    if (started_) orders = TakeOrders();
    if (CarryOut(orders)) {
      schedule_.Ask(now);
      LookIfDue(now, watcher.get());
    }
    ReportProblems();
    fleet_.Reconcile(source_.desired(), now);
    Publish();
    for (auto& [order, done] : orders) done.set_value(true);
  }
}

std::deque<Reconciler::Waiting> Reconciler::TakeOrders() {
  const std::lock_guard lock(mutex_);
  return std::exchange(orders_, {});
}

void Reconciler::Close() {
  std::deque<Waiting> orders;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    orders.swap(orders_);
    changed_.notify_all();
  }
  for (auto& [order, done] : orders) done.set_value(false);
}

// Whether one of them wants another look.
bool Reconciler::CarryOut(std::deque<Waiting>& orders) {
  Hands hands{source_, fleet_.entries(), store_, fleet_.restarts()};
  for (auto& [order, done] : orders) {
    order(hands);
    source_.Refresh();  // the next order sees what this one has made
  }
  return hands.look;
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
  changed_.wait_until(lock, until,
                      [this] { return requests_.any() || (started_ && !orders_.empty()); });
  return std::exchange(requests_, Requests{});
}

// The next thing that only time brings.
base::MonotonicTime Reconciler::NextDue() const {
  if (drain_requested_) return clock_.Monotonic() + settings_.rescan_interval;
  return std::min(schedule_.due(), fleet_.NextStart());
}

void Reconciler::LookIfDue(base::MonotonicTime now, watch::Watcher* watcher) {
  if (now >= schedule_.due()) {
    schedule_.Begin(now);
    const DefinitionSource::Look look = source_.LookAgain(now);
    undecided_ = !look.outcome;
    started_ = started_ || look.outcome || ++looks_ >= kLooksToStart;
    if (look.look_again) schedule_.Ask(*look.look_again);
    ReportLook(look);
  }
  if (watcher == nullptr || source_.watched() == watched_) return;
  watched_ = source_.watched();
  watcher->Watch(watched_);
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
  directory_was_read_ = directory_was_read_ || look.directory_error.empty();
  directory_unread_ = directory_was_read_ ? std::string()
                                          : settings_.definitions.directory.string() +
                                                " cannot be read: " + look.directory_error;
  ReportIgnored(look.ignored);
  if (look.outcome) registry_.Reloaded(*look.outcome);
}

// Each once for as long as it is there.
void Reconciler::ReportIgnored(const watch::IgnoredEntries& ignored) {
  std::string news;
  for (const std::string& name : ignored.names) {
    if (std::binary_search(ignored_.begin(), ignored_.end(), name)) continue;
    news += (news.empty() ? "" : ", ") + name;
  }
  ignored_ = ignored.names;
  if (news.empty()) return;
  Log().Warn("files in the directory are ignored, only *.toml is read",
             {{"directory", settings_.definitions.directory.string()},
              {"ignored", news},
              {"ignored_total", ignored.count}});
}

void Reconciler::ReportProblems() {
  std::map<std::string, config::Problems> now;
  size_t invalid = 0;
  for (const auto& [name, wanted] : source_.desired()) {
    const Definition& definition = wanted.newest;
    if (!definition.config) ++invalid;
    if (definition.problems.empty()) continue;
    now.emplace(name, definition.problems);
    const auto said = reported_.find(name);
    if (said != reported_.end() && said->second == definition.problems) continue;
    for (const config::Problem& problem : definition.problems) LogProblem(name, problem);
    if (definition.config || !wanted.target) continue;
    Log().Warn("newest definition is invalid; the last good one goes on",
               {{"connector", name}, {"file", definition.file}});
  }
  reported_ = std::move(now);
  registry_.SetConfigFiles(source_.desired().size() - invalid, invalid);
}

// False when some did not end though their grace is over.
bool Reconciler::StopAll() {
  std::deque<Waiting> orders;
  const bool again = drain_requested_;
  {
    const std::lock_guard lock(mutex_);
    drain_requested_ = true;
    readiness_.draining = true;
    orders.swap(orders_);
  }
  for (auto& [order, done] : orders) done.set_value(false);
  fleet_.RequestStop();
  // What did not end within a drain's grace gets no second one.
  const auto grace = again ? std::chrono::milliseconds(0) : settings_.shutdown_grace;
  const auto deadline = clock_.Monotonic() + grace + kDrainMargin;
  bool in_time = true;
  while (!fleet_.ended() && in_time) {
    std::unique_lock lock(mutex_);
    in_time = changed_.wait_until(lock, deadline, [&] { return requests_.task_changed; });
    requests_.task_changed = false;
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
    if (!entry->connector || entry->ending) continue;
    if (auto why = entry->connector->unready()) readiness.waiting_for.push_back(std::move(*why));
  }
  auto status = std::make_shared<Status>();
  status->look_error = look_error_;
  status->settled = !undecided_;
  for (const auto& [name, wanted] : source_.desired()) {
    const auto entry = entries.find(name);
    status->connectors.emplace(
        name, ViewOf(name, wanted, entry == entries.end() ? nullptr : entry->second.get()));
  }
  const std::lock_guard lock(mutex_);
  readiness.draining = drain_requested_;
  readiness_ = std::move(readiness);
  status_ = std::move(status);
  drained_ = drained_ || drained;
  changed_.notify_all();
}

bool Reconciler::Carry(Order order) {
  std::future<bool> done;
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || drain_requested_ || requests_.drain || requests_.stop) return false;
    orders_.emplace_back(std::move(order), std::promise<bool>());
    done = orders_.back().second.get_future();
    changed_.notify_all();
  }
  return done.get();
}

std::shared_ptr<const Status> Reconciler::AwaitStatus(
    const std::function<bool(const Status&)>& is_so, std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  bool is_now = false;
  (void)changed_.wait_for(lock, timeout, [&] {
    is_now = is_so(*status_);
    return is_now || closed_ || drain_requested_;
  });
  return is_now ? status_ : nullptr;
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
