#include "reconcile/fleet.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/log.h"
#include "reconcile/views.h"

namespace khs::reconcile {
namespace {

using connect::TargetState;
using State = Standing::State;

// For descriptors that others close, of which nobody tells.
constexpr std::chrono::seconds kRetryRefused{2};
// Within so much they usually have told how many they are.
constexpr std::chrono::seconds kBrokersAnswer{5};

const base::Logger& Log() {
  static const base::Logger logger("reconcile");
  return logger;
}

State StandingOf(const Connector& connector) {
  switch (connector.health()) {
    case Connector::Health::kFailed:
      return State::kFailed;
    case Connector::Health::kCannotStart:
    case Connector::Health::kOvertaken:
      return State::kCannotStart;
    case Connector::Health::kStarting:
    case Connector::Health::kRunning:
      break;
  }
  return State::kWorking;
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
    const bool waits = entry->connector && !entry->ending &&
                       entry->connector->health() == Connector::Health::kCannotStart;
    if (waits) due = std::min(due, entry->backoff.due());
  }
  return due;
}

void Fleet::Reconcile(const Desired& desired, base::MonotonicTime now) {
  for (const auto& [name, entry] : entries_) {
    Reap(*entry);
    Observe(*entry, now);
  }
  CountDescriptors();
  StopWhatExceeds();
  for (const Step& step : MakePlan(desired, CurrentState(), now)) Execute(step, desired);
  RestartAsOrdered(desired);
  ShowStates(desired);
  registry_.SetConnectorsRefused(refused());
  retry_refused_ = refused() > 0 ? now + kRetryRefused : base::MonotonicTime::max();
}

size_t Fleet::refused() const {
  return static_cast<size_t>(std::count_if(entries_.begin(), entries_.end(), [](const auto& each) {
    return each.second->refused.has_value();
  }));
}

// What has ended has closed its descriptors by now.
void Fleet::CountDescriptors() {
  if (!connections_.descriptors) return;
  budget_.Begin(connections_.descriptors());
  for (const auto& [name, entry] : entries_) {
    if (entry->connector) budget_.Count(entry->connector->config());
  }
  budget_.EndCount();
}

// As long as there is not enough for all, those that come first run. What is stopped is refused
// when it is to be started again.
void Fleet::StopWhatExceeds() {
  if (!connections_.descriptors) return;
  for (auto each = entries_.rbegin(); each != entries_.rend() && budget_.exceeded(); ++each) {
    Entry& entry = *each->second;
    if (!entry.connector) continue;
    budget_.Release(entry.connector->config());
    if (entry.ending) continue;
    Log().Error("connector stopped, there are not enough file descriptors",
                {{"connector", each->first}});
    Stop(entry);
  }
}

bool Fleet::IsAdmitted(const std::string& name, const Wanted& wanted) {
  if (!connections_.descriptors) return true;
  std::optional<Entry::RefusedStart>& refused = entries_.at(name)->refused;
  const Entry& entry = *entries_.at(name);
  auto why = entry.connector ? budget_.AdmitChange(entry.connector->config(), *wanted.target)
                             : budget_.Admit(*wanted.target);
  if (!why) {
    refused.reset();
    return true;
  }
  const base::MonotonicTime now = clock_.Read().monotonic;
  if (!refused) refused = {{}, now};
  refused->why = std::move(*why);
  // There may be fewer brokers than assumed.
  const bool is_certain = budget_.knows_brokers() || now - refused->since >= kBrokersAnswer;
  if (is_certain && !std::exchange(refused->is_logged, true)) {
    Log().Error(entry.connector ? "new definition refused, there are not enough file descriptors"
                                : "connector refused, there are not enough file descriptors",
                {{"connector", name}, {"error", refused->why}});
  }
  return false;
}

void Fleet::RestartAsOrdered(const Desired& desired) {
  for (const std::string& name : std::exchange(restarts_, {})) {
    const auto wanted = desired.find(name);
    const auto entry = entries_.find(name);
    const bool runs = entry != entries_.end() && entry->second->connector && !entry->second->ending;
    if (!runs || wanted == desired.end()) continue;
    entry->second->backoff.Reset();
    Restart(name, wanted->second, metrics::RestartReason::kApi);
  }
}

// What has drained has ended: its threads are joined without waiting.
void Fleet::Reap(Entry& entry) {
  if (!entry.ending || !entry.connector->ended()) return;
  entry.connector.reset();
  entry.ending = false;
}

void Fleet::Observe(Entry& entry, base::MonotonicTime now) {
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
    case Connector::Health::kOvertaken:
      break;
  }
}

Actual Fleet::CurrentState() const {
  Actual actual;
  for (const auto& [name, entry] : entries_) {
    Standing standing;
    standing.was_stopped = entry->was_stopped;
    if (entry->connector) {
      standing.state = entry->ending ? State::kEnding : StandingOf(*entry->connector);
      standing.config = &entry->connector->config();
      const bool is_overtaken = entry->connector->health() == Connector::Health::kOvertaken;
      if (!is_overtaken) standing.retry_at = entry->backoff.due();
    }
    actual.emplace(name, standing);
  }
  return actual;
}

void Fleet::Execute(const Step& step, const Desired& desired) {
  const auto found = desired.find(step.name);
  if (found == desired.end()) {
    if (step.action == Action::kStop) {
      Log().Info("connector is removed", {{"connector", step.name}});
      Stop(*entries_.at(step.name));
    }
    const bool is_there = step.action == Action::kKeep || entries_.at(step.name)->connector;
    if (!is_there) Forget(step.name);
    return;
  }
  const Wanted& wanted = found->second;
  switch (step.action) {
    case Action::kStart:
      Start(step.name, wanted);
      break;
    case Action::kApply:
      Apply(step.name, wanted, step.difference);
      break;
    case Action::kRestart: {
      Entry& entry = *entries_.at(step.name);
      metrics::RestartReason reason = metrics::RestartReason::kError;
      if (step.difference.any()) {
        entry.backoff.Reset();
        reason = entry.written == wanted.target_written ? metrics::RestartReason::kSecret
                                                        : metrics::RestartReason::kConfig;
      }
      Restart(step.name, wanted, reason);
      break;
    }
    case Action::kStop:
      Log().Info("connector stops", {{"connector", step.name}});
      entries_.at(step.name)->was_stopped = true;
      Stop(*entries_.at(step.name));
      break;
    case Action::kShow: {
      Entry& entry = EntryOf(step.name, wanted);
      entry.was_stopped = wanted.state != TargetState::kStarted;
      entry.refused.reset();
      Observed(entry, wanted);
      break;
    }
    case Action::kKeep:
      if (Entry& entry = *entries_.at(step.name); !entry.ending) {
        Observed(entry, wanted);
        entry.refused.reset();
      } else {
        const bool stays = entry.was_stopped && wanted.state == TargetState::kPaused;
        entry.was_stopped = wanted.state == TargetState::kStopped || stays;
      }
      break;
    case Action::kForget:
      break;
  }
  Entry& entry = *entries_.at(step.name);
  if (entry.connector && !entry.ending) {
    entry.connector->SetPaused(wanted.state == TargetState::kPaused);
  }
}

// It runs by this generation now, were it only that a comment has changed.
void Fleet::Observed(Entry& entry, const Wanted& wanted) {
  entry.generation = wanted.target_generation;
  entry.written = wanted.target_written;
}

Entry& Fleet::EntryOf(const std::string& name, const Wanted& wanted) {
  const metrics::ConnectorMetrics::Identity nothing{
      name, "", "", wanted.newest.origin == Origin::kFile ? "file" : "rest"};
  const auto identity = wanted.target ? IdentityOf(*wanted.target, wanted.newest.origin) : nothing;
  std::unique_ptr<Entry>& entry = entries_[name];
  if (!entry) {
    entry =
        std::make_unique<Entry>(std::make_unique<metrics::ConnectorMetrics>(registry_, identity));
  } else {
    entry->metrics->SetIdentity(identity);
  }
  return *entry;
}

// Its target goes with it: who makes one of that name again means a new one.
void Fleet::Forget(const std::string& name) {
  entries_.erase(name);
  if (const auto failure = store_.Remove(name)) {
    Log().Error("target of a removed connector stays behind",
                {{"connector", name}, {"error", *failure}});
  }
}

void Fleet::Start(const std::string& name, const Wanted& wanted) {
  Entry& entry = EntryOf(name, wanted);
  Observed(entry, wanted);
  entry.failure_counted = false;
  entry.restart_asked = false;
  entry.was_stopped = false;
  if (!IsAdmitted(name, wanted)) return;
  entry.connector =
      std::make_unique<Connector>(*wanted.target, connections_, clock_, *entry.metrics,
                                  wanted.state == TargetState::kPaused, on_change_);
  Observe(entry, clock_.Read().monotonic);
  Log().Info("connector started", {{"connector", name}, {"from", wanted.target_place}});
}

void Fleet::Apply(const std::string& name, const Wanted& wanted, const Difference& difference) {
  if (!IsAdmitted(name, wanted)) return;
  Entry& entry = *entries_.at(name);
  try {
    entry.connector->Apply(*wanted.target, difference);
  } catch (const std::exception& error) {
    // It was checked before: a file must have changed since, which brings another look.
    Log().Error("new definition cannot be used; the last good one goes on",
                {{"connector", name}, {"error", std::string(error.what())}});
    return;
  }
  EntryOf(name, wanted);  // its labels follow
  Observed(entry, wanted);
  Log().Info("definition applied without a restart",
             {{"connector", name}, {"from", wanted.target_place}});
}

void Fleet::Restart(const std::string& name, const Wanted& wanted, metrics::RestartReason reason) {
  Entry& entry = *entries_.at(name);
  entry.metrics->Restarted(reason);
  entry.restart_asked = reason == metrics::RestartReason::kApi;
  Log().Info("connector restarts", {{"connector", name}, {"reason", metrics::Label(reason)}});
  Stop(entry);
  if (!entry.connector) Start(name, wanted);
}

void Fleet::Stop(Entry& entry) {
  entry.refused.reset();
  entry.connector->RequestStop(grace_);
  entry.ending = true;
  Reap(entry);
}

void Fleet::ShowStates(const Desired& desired) {
  for (const auto& [name, entry] : entries_) {
    const auto found = desired.find(name);
    const Wanted* wanted = found == desired.end() ? nullptr : &found->second;
    entry->metrics->SetInvalid(wanted != nullptr && !wanted->newest.config);
    entry->metrics->SetState(StateOf(*entry, wanted));
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
