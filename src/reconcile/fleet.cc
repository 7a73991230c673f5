#include "reconcile/fleet.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/log.h"
#include "reconcile/views.h"

namespace khs::reconcile {
namespace {

// How often refused starts are retried: there is no event when others close descriptors.
constexpr std::chrono::seconds kRefusedRetryInterval{2};
// The number of brokers is usually known after this time.
constexpr std::chrono::seconds kBrokerDiscovery{5};

const base::Logger& Log() {
  static const base::Logger logger("reconcile");
  return logger;
}

// The labels of a connector, also while it has no valid definition.
metrics::ConnectorMetrics::Identity LabelsOf(const std::string& name,
                                             const DesiredConnector& desired) {
  const Origin origin = desired.newest.origin;
  if (desired.config) return IdentityOf(*desired.config, origin);
  return {name, "", "", Name(origin)};
}

}  // namespace

Fleet::Fleet(Connections connections, StateStore& store, std::function<double()> chance,
             std::chrono::milliseconds grace, const base::Clock& clock, metrics::Registry& registry,
             std::function<void()> on_change)
    : connections_(std::move(connections)),
      store_(store),
      chance_(std::move(chance)),
      grace_(grace),
      clock_(clock),
      registry_(registry),
      on_change_(std::move(on_change)) {}

base::MonotonicTime Fleet::NextStart() const {
  base::MonotonicTime due = retry_refused_;
  for (const auto& [name, entry] : entries_) {
    if (entry->phase() == Phase::kCannotStart) due = std::min(due, entry->backoff.due());
  }
  return due;
}

void Fleet::Reconcile(const Desired& desired, const std::set<std::string>& restart_requests,
                      base::MonotonicTime now) {
  for (const auto& [name, entry] : entries_) {
    ReleaseEnded(*entry);
    UpdateBackoff(*entry, now);
  }
  CountDescriptors();
  StopOverBudget();
  for (const Step& step : MakePlan(desired, Observe(), restart_requests, now)) {
    Execute(step, desired);
  }
  PublishStates(desired);
  registry_.SetConnectorsRefused(refused());
  retry_refused_ = refused() > 0 ? now + kRefusedRetryInterval : base::MonotonicTime::max();
}

size_t Fleet::refused() const {
  return static_cast<size_t>(std::count_if(entries_.begin(), entries_.end(), [](const auto& each) {
    return each.second->refused.has_value();
  }));
}

// Connectors that have ended have closed their descriptors.
void Fleet::CountDescriptors() {
  if (!connections_.descriptors) return;
  budget_.Begin(connections_.descriptors());
  for (const auto& [name, entry] : entries_) {
    if (entry->connector) budget_.Count(entry->connector->config());
  }
  budget_.EndCount();
}

// Stops the last connectors by name until the rest fits. Their next start is refused.
void Fleet::StopOverBudget() {
  if (!connections_.descriptors) return;
  for (auto each = entries_.rbegin(); each != entries_.rend() && budget_.exceeded(); ++each) {
    Entry& entry = *each->second;
    if (!entry.connector) continue;
    budget_.Release(entry.connector->config());
    if (entry.draining) continue;
    Log().Error("connector stopped, there are not enough file descriptors",
                {{"connector", each->first}});
    Drain(entry);
  }
}

bool Fleet::IsAdmitted(const std::string& name, const DesiredConnector& desired) {
  if (!connections_.descriptors) return true;
  Entry& entry = *entries_.at(name);
  auto why = entry.connector ? budget_.AdmitChange(entry.connector->config(), *desired.config)
                             : budget_.Admit(*desired.config);
  if (!why) {
    entry.refused.reset();
    return true;
  }
  const base::MonotonicTime now = clock_.Monotonic();
  if (!entry.refused) entry.refused = {{}, now};
  entry.refused->why = std::move(*why);
  // There may be fewer brokers than assumed.
  const bool is_certain = budget_.knows_brokers() || now - entry.refused->since >= kBrokerDiscovery;
  if (is_certain && !std::exchange(entry.refused->is_logged, true)) {
    Log().Error(entry.connector ? "new definition refused, there are not enough file descriptors"
                                : "connector refused, there are not enough file descriptors",
                {{"connector", name}, {"error", entry.refused->why}});
  }
  return false;
}

// Destroys a drained connector. Its threads have ended, so this does not wait.
void Fleet::ReleaseEnded(Entry& entry) {
  if (!entry.draining || !entry.connector->ended()) return;
  entry.connector.reset();
  entry.draining = false;
}

void Fleet::UpdateBackoff(Entry& entry, base::MonotonicTime now) {
  if (!entry.connector) return;
  entry.connector->Observe();
  if (entry.connector->phase() == Phase::kRunning) {
    entry.backoff.Reset();
  } else if (entry.connector->phase() == Phase::kCannotStart &&
             !std::exchange(entry.failure_counted, true)) {
    entry.backoff.Failed(now, chance_());
  }
}

Observed Fleet::Observe() const {
  Observed all;
  for (const auto& [name, entry] : entries_) {
    ObservedConnector observed;
    observed.phase = entry->phase();
    observed.stays_stopped = entry->stays_stopped;
    if (entry->connector) {
      observed.config = &entry->connector->config();
      observed.written = &entry->written;
      observed.retry_at = entry->backoff.due();
      observed.paused = entry->connector->paused();
    }
    all.emplace(name, observed);
  }
  return all;
}

void Fleet::Execute(const Step& step, const Desired& desired) {
  if (step.action == Action::kRemove) {
    Remove(step.name);
    return;
  }
  if (step.action == Action::kAwaitEnd) {
    entries_.at(step.name)->stays_stopped = step.stays_stopped;
    return;
  }
  const DesiredConnector& connector = desired.at(step.name);
  Entry& entry = FindOrAdd(step.name, connector);
  entry.stays_stopped = step.stays_stopped;
  switch (step.action) {
    case Action::kStart:
      Start(step.name, connector, step.paused);
      break;
    case Action::kApply:
      Apply(step.name, connector, step.difference);
      break;
    case Action::kRestart:
      Restart(step, connector);
      break;
    case Action::kPause:
      entry.connector->SetPaused(true);
      break;
    case Action::kResume:
      entry.connector->SetPaused(false);
      break;
    case Action::kStop:
      Log().Info("connector stops", {{"connector", step.name}});
      Drain(entry);
      break;
    case Action::kPublishStatus:
      entry.metrics->SetIdentity(LabelsOf(step.name, connector));
      [[fallthrough]];
    case Action::kKeep:
      RecordDefinition(entry, connector);
      entry.refused.reset();
      break;
    case Action::kRemove:
    case Action::kAwaitEnd:
      break;
  }
}

// The connector runs by this generation now, even if only a comment has changed.
void Fleet::RecordDefinition(Entry& entry, const DesiredConnector& desired) {
  entry.generation = desired.config_generation;
  entry.written = desired.config_written;
}

Entry& Fleet::FindOrAdd(const std::string& name, const DesiredConnector& desired) {
  std::unique_ptr<Entry>& entry = entries_[name];
  if (!entry) {
    entry = std::make_unique<Entry>(
        std::make_unique<metrics::ConnectorMetrics>(registry_, LabelsOf(name, desired)));
  }
  return *entry;
}

void Fleet::Start(const std::string& name, const DesiredConnector& desired, bool paused) {
  Entry& entry = *entries_.at(name);
  entry.metrics->SetIdentity(LabelsOf(name, desired));
  RecordDefinition(entry, desired);
  entry.failure_counted = false;
  entry.restart_requested = false;
  if (!IsAdmitted(name, desired)) return;
  entry.connector = std::make_unique<Connector>(*desired.config, connections_, clock_,
                                                *entry.metrics, paused, on_change_);
  UpdateBackoff(entry, clock_.Monotonic());
  Log().Info("connector started", {{"connector", name}, {"from", desired.config_place}});
}

void Fleet::Apply(const std::string& name, const DesiredConnector& desired,
                  const Difference& difference) {
  if (!IsAdmitted(name, desired)) return;
  Entry& entry = *entries_.at(name);
  try {
    entry.connector->Apply(*desired.config, difference);
  } catch (const std::exception& error) {
    // The definition was checked before, so a file must have changed since. That causes a new scan.
    Log().Error("new definition cannot be applied, keeping the previous one",
                {{"connector", name}, {"error", std::string(error.what())}});
    return;
  }
  entry.metrics->SetIdentity(LabelsOf(name, desired));
  RecordDefinition(entry, desired);
  Log().Info("definition applied without a restart",
             {{"connector", name}, {"from", desired.config_place}});
}

void Fleet::Restart(const Step& step, const DesiredConnector& desired) {
  Entry& entry = *entries_.at(step.name);
  const metrics::RestartReason reason = *step.restart_reason;
  if (reason != metrics::RestartReason::kError) entry.backoff.Reset();
  entry.metrics->Restarted(reason);
  entry.restart_requested = reason == metrics::RestartReason::kApi;
  Log().Info("connector restarts", {{"connector", step.name}, {"reason", metrics::Label(reason)}});
  Drain(entry);
  if (!entry.connector) Start(step.name, desired, step.paused);
}

void Fleet::Drain(Entry& entry) {
  entry.refused.reset();
  entry.connector->RequestStop(grace_);
  entry.draining = true;
  ReleaseEnded(entry);
}

// Also removes the stored target state: a later connector of this name is a new one.
void Fleet::Remove(const std::string& name) {
  Entry& entry = *entries_.at(name);
  if (entry.connector) {
    Log().Info("connector removed", {{"connector", name}});
    Drain(entry);
    if (entry.connector) return;
  }
  entries_.erase(name);
  if (const auto failure = store_.Remove(name)) {
    Log().Error("cannot delete the stored state of a removed connector",
                {{"connector", name}, {"error", *failure}});
  }
}

void Fleet::PublishStates(const Desired& desired) {
  for (const auto& [name, entry] : entries_) {
    const auto found = desired.find(name);
    const DesiredConnector* connector = found == desired.end() ? nullptr : &found->second;
    entry->metrics->SetInvalid(connector != nullptr && !connector->newest.config);
    entry->metrics->SetState(StateOf(*entry, connector));
  }
}

void Fleet::RequestStop() {
  for (const auto& [name, entry] : entries_) {
    if (entry->connector) entry->connector->RequestStop(grace_);
  }
}

bool Fleet::ended() const {
  return std::all_of(entries_.begin(), entries_.end(), [](const auto& entry) {
    return !entry.second->connector || entry.second->connector->ended();
  });
}

bool Fleet::cut_off() const {
  return std::any_of(entries_.begin(), entries_.end(), [](const auto& entry) {
    return entry.second->connector && entry.second->connector->cut_off();
  });
}

}  // namespace khs::reconcile
