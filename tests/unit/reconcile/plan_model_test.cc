// Definitions come, change, break, clash and go, and callers pause, resume, stop and restart, while
// connectors drain, fail and can't start. The plan is executed on a model that knows what a step
// does.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "reconcile/desired.h"
#include "reconcile/plan.h"
#include "reconcile/start_backoff.h"
#include "reconcile/vanish_guard.h"
#include "support/schedules.h"

namespace khs::reconcile {
namespace {

using connect::TargetState;
using namespace std::chrono_literals;
using testing::Broken;
using testing::Dice;
using testing::Schedule;

constexpr auto kVanishWait = 60s;

const char* Text(Action action) {
  static constexpr const char* kTexts[] = {"start", "apply",  "restart",   "pause", "resume",
                                           "stop",  "remove", "await end", "keep",  "publish"};
  return kTexts[static_cast<size_t>(action)];
}

// A simplified definition: keys that need a new consumer, and others.
struct Draft {
  std::string name;
  std::map<std::string, int> consumer;
  std::map<std::string, int> rest;

  bool operator==(const Draft&) const = default;
};

config::ConnectorConfig ConfigOf(Draft draft) {
  config::ConnectorConfig config;
  config.name = draft.name;
  config.tasks_max = 1 + draft.consumer["tasks.max"];
  config.subscription.topics = {fmt::format("t{}", draft.consumer["topics"])};
  config.subscription.group = fmt::format("g{}", draft.consumer["group.id"]);
  config.subscription.consumer_properties["fetch.min.bytes"] =
      base::Secret(std::to_string(draft.consumer["fetch.min.bytes"]));
  config.policy.ordering =
      draft.consumer["ordering"] == 0 ? delivery::Ordering::kPartition : delivery::Ordering::kKey;
  config.policy.queue_max_bytes = 1000 + static_cast<size_t>(draft.consumer["queue"]);
  config.endpoint.url = base::Secret(fmt::format("http://host{}/", draft.rest["url"]));
  config.endpoint.headers = {{"H", base::Secret(std::to_string(draft.rest["headers"]))}};
  config.endpoint.read_timeout = std::chrono::milliseconds(1 + draft.rest["timeout"]);
  config.policy.strategy = draft.rest["strategy"] == 0 ? delivery::Strategy::kStopTask
                                                       : delivery::Strategy::kDropMessage;
  config.policy.retry_backoff = {std::chrono::seconds(draft.rest["backoff"])};
  config.policy.max_in_flight = 1 + draft.rest["in.flight"];
  config.offset_flush_interval = std::chrono::milliseconds(1 + draft.rest["flush"]);
  config.dead_letters.topic = draft.rest["dlq"] == 0 ? "" : "dead";
  config.subscription.consumer_properties["sasl.password"] =
      base::Secret(std::to_string(draft.rest["password"]));
  return config;
}

// A file of the directory, or a definition from REST.
struct Place {
  Origin origin = Origin::kFile;
  std::string stem;
  std::optional<Draft> draft;  // absent: there is nothing
  bool valid = true;
  int touched = 0;  // comments move the keys

  std::string Id() const { return origin == Origin::kFile ? stem + ".toml" : "REST " + stem; }
};

Definition DefinitionOf(const Place& place) {
  Definition definition;
  definition.origin = place.origin;
  definition.file = place.origin == Origin::kFile ? place.Id() : "REST";
  definition.stem = place.stem;
  const config::ConnectorConfig config = ConfigOf(*place.draft);
  for (const auto* keys : {&place.draft->consumer, &place.draft->rest}) {
    for (const auto& [key, value] : *keys) definition.written[key] = std::to_string(value);
  }
  definition.written["name"] = place.draft->name;
  definition.positions["name"] = {place.touched, 1};
  if (place.valid) {
    definition.config = config;
  } else {
    definition.problems = {{definition.file, {1, 1}, "topics", "missing"}};
  }
  return definition;
}

// The running tasks of a connector.
struct Runs {
  config::ConnectorConfig config;
  std::map<std::string, std::string> written;
  bool draining = false;
  bool failed = false;
  bool superseded = false;
  bool cannot_start = false;
  bool paused = false;
  StartBackoff backoff;
};
struct Entry {
  std::optional<Runs> runs;
  bool stays_stopped = false;
};

class World {
 public:
  explicit World(Schedule& schedule) : schedule_(schedule), dice_(schedule.seed()) {
    for (const char* stem : {"a", "b", "c"}) places_.push_back({Origin::kFile, stem, {}, true, 0});
    for (const char* stem : {"a", "r"}) places_.push_back({Origin::kRest, stem, {}, true, 0});
    seen_ = places_;
  }

  void Play() {
    for (const uint64_t step : schedule_.steps()) {
      dice_ = Dice(step);
      Move();
    }
    RunUntilStable();
  }

 private:
  void Move() {
    const auto roll = dice_.Below(100);
    if (roll < 30) {
      Edit(dice_.Of(places_));
    } else if (roll < 34) {
      schedule_.Tell([] { return "every file is gone"; });
      for (Place& place : places_) {
        if (place.origin == Origin::kFile) place.draft.reset();
      }
    } else if (roll < 44) {
      const std::string name(1, "abcr"[dice_.Below(4)]);
      const auto target = std::vector{TargetState::kStarted, TargetState::kPaused,
                                      TargetState::kStopped}[dice_.Below(3)];
      schedule_.Tell([&] { return fmt::format("{} shall be {}", name, static_cast<int>(target)); });
      if (desired_.contains(name)) targets_[name] = target;
    } else if (roll < 50) {
      const std::string name(1, "abcr"[dice_.Below(4)]);
      schedule_.Tell([&] { return name + " is asked to restart"; });
      if (desired_.contains(name)) restart_requests_.insert(name);
    } else if (roll < 66) {
      Happen();
    } else if (roll < 75) {
      Pass(std::chrono::milliseconds(dice_.Between(1, 90'000)));
    } else {
      Scan();
    }
  }

  void Edit(Place& place) {
    const auto roll = dice_.Below(100);
    if (!place.draft || roll < 10) {
      place.draft = Draft{place.stem, {}, {}};
      // The name in a file may differ from the file name.
      const bool other = place.origin == Origin::kFile && dice_.Percent(20);
      if (other) place.draft->name = std::string(1, "abcr"[dice_.Below(4)]);
      place.valid = dice_.Percent(85);
    } else if (roll < 25) {
      place.draft.reset();
    } else if (roll < 40) {
      place.valid = !place.valid;
    } else if (roll < 50) {
      ++place.touched;
    } else if (roll < 75) {
      static const std::vector<std::string> keys{"url",      "headers", "timeout",
                                                 "strategy", "backoff", "in.flight",
                                                 "flush",    "dlq",     "password"};
      int& value = place.draft->rest[dice_.Of(keys)];
      value = 1 - value;
    } else {
      static const std::vector<std::string> keys{"tasks.max",       "topics",   "group.id",
                                                 "fetch.min.bytes", "ordering", "queue"};
      int& value = place.draft->consumer[dice_.Of(keys)];
      value = 1 - value;
    }
    schedule_.Tell([&] {
      if (!place.draft) return place.Id() + " is removed";
      return fmt::format("{} defines {}, {}", place.Id(), place.draft->name,
                         place.valid ? "valid" : "invalid");
    });
  }

  // A connector ends, fails or cannot start.
  void Happen() {
    if (entries_.empty()) return;
    auto entry = entries_.begin();
    std::advance(entry, dice_.Below(entries_.size()));
    auto& [name, it] = *entry;
    if (!it.runs) return;
    if (dice_.Percent(20) && !it.runs->cannot_start) BeginAnew(name);  // it works
    if (it.runs->draining) {
      schedule_.Tell([&] { return name + " has ended"; });
      it.runs.reset();
    } else if (dice_.Percent(40) && !it.runs->cannot_start) {
      schedule_.Tell([&] { return name + " fails"; });
      it.runs->failed = true;
      it.runs->superseded = it.runs->superseded || dice_.Percent(20);
    } else if (dice_.Percent(50) && !it.runs->failed) {
      if (!std::exchange(it.runs->cannot_start, true)) CannotStart(name, *it.runs);
    }
  }

  void BeginAnew(const std::string& name) {
    backoffs_[name].Reset();
    failures_[name] = 0;
  }

  void CannotStart(const std::string& name, Runs& runs) {
    StartBackoff& backoff = backoffs_[name];
    const int failures = failures_[name]++;
    backoff.Failed(now_, static_cast<double>(dice_.Below(1001)) / 1000);
    schedule_.Tell(
        [&] { return fmt::format("{} can't start, for the {}th time", name, failures); });
    const auto middle =
        std::min<std::chrono::milliseconds>(1s * (1 << std::min(failures, 9)), 300s);
    const auto wait = backoff.due() - now_;
    if (wait < middle * 4 / 5 || wait > middle * 6 / 5) Fail("its back-off is out of bounds");
    runs.backoff = backoff;
  }

  void Pass(base::MonotonicTime::duration time) { now_ += time; }

  static bool HasFiles(const std::vector<Place>& places) {
    return std::any_of(places.begin(), places.end(), [](const Place& place) {
      return place.origin == Origin::kFile && place.draft;
    });
  }

  // Accepts the removal of all files only after the vanish wait.
  void See() {
    const bool has = HasFiles(places_);
    const bool doubted = HasFiles(seen_) && !has;
    if (!doubted) doubted_since_.reset();
    if (doubted && !doubted_since_) doubted_since_ = now_;
    const bool expected = !doubted || now_ - *doubted_since_ >= kVanishWait;
    const bool believed = guard_.Accept(HasFiles(seen_), has, now_);
    if (believed != expected) Fail("the removal took effect too early or never");
    if (believed != !guard_.due()) Fail("whether to scan again");
    for (size_t i = 0; i < places_.size(); ++i) {
      if (believed || places_[i].origin == Origin::kRest) seen_[i] = places_[i];
    }
    if (believed) doubted_since_.reset();
  }

  void Scan() {
    See();
    std::vector<Definition> candidates;
    for (const Origin origin : {Origin::kRest, Origin::kFile}) {
      for (const Place& place : seen_) {
        if (place.origin == origin && place.draft) candidates.push_back(DefinitionOf(place));
      }
    }
    const Definitions now = SortByName(candidates, NamesIn(desired_));
    VerifyNames(candidates, now);
    const Desired before = desired_;
    desired_ = Advance(desired_, now);
    VerifyAdvance(before, now);
    for (auto& [name, desired] : desired_) desired.target_state = targets_[name];
    Reconcile();
  }

  void VerifyNames(const std::vector<Definition>& candidates, const Definitions& now) {
    const NamesByPlace known = NamesIn(desired_);
    std::set<std::string> places;
    for (const auto& [name, definition] : now) {
      if (!places.insert(definition.Place()).second) Fail("a place counts twice");
      if (definition.config && definition.config->name != name) Fail("it has another's name");
      if (!definition.config && definition.problems.empty()) Fail("nobody says what is wrong");
    }
    if (places.size() != candidates.size()) Fail("a place is passed over");
    for (const Definition& candidate : candidates) {
      const auto last = known.find(candidate.Place());
      if (!candidate.config) {
        // The connector that it defined keeps running.
        if (last == known.end()) continue;
        const Definition& holder = now.at(last->second);
        if (holder.Place() != candidate.Place() && holder.origin != Origin::kRest) {
          Fail(last->second + " passes from an invalid definition");
        }
        continue;
      }
      const std::string& name = candidate.config->name;
      if (!now.contains(name) || now.at(name).Place().empty()) Fail(name + " is lost");
      const bool is_rest = candidate.origin == Origin::kRest;
      // A definition from REST always wins.
      const auto& holder = now.at(name);
      if (is_rest && holder.Place() != candidate.Place()) Fail("a file takes it from REST");
      if (holder.origin == Origin::kRest) continue;
      if (last != known.end() && last->second == name && holder.Place() != candidate.Place()) {
        Fail(name + " passes to " + holder.Place());
      }
      if (!holder.config && last != known.end() && last->second == name) Fail(name + " is broken");
    }
  }

  void VerifyAdvance(const Desired& before, const Definitions& now) {
    if (desired_.size() != now.size()) Fail("names come or go");
    for (const auto& [name, definition] : now) {
      const DesiredConnector& connector = desired_.at(name);
      if (!(connector.newest == definition)) Fail(name + " is not the newest");
      const auto known = before.find(name);
      const bool is_new = known == before.end();
      const bool changed = is_new || !(known->second.newest == definition);
      const uint64_t generation = is_new ? 1 : known->second.generation + (changed ? 1 : 0);
      if (connector.generation != generation) Fail(name + " is of another generation");
      if (definition.config) {
        if (connector.config != definition.config) Fail(name + " is not to run as it is defined");
        if (changed && connector.config_generation != generation) Fail("its generation");
        continue;
      }
      const auto last_good = is_new ? std::nullopt : known->second.config;
      if (connector.config != last_good) Fail(name + " does not go on by its last good definition");
    }
  }

  Observed Present() const {
    Observed all;
    for (const auto& [name, entry] : entries_) {
      ObservedConnector observed;
      observed.stays_stopped = entry.stays_stopped;
      if (entry.runs) {
        observed.config = &entry.runs->config;
        observed.written = &entry.runs->written;
        observed.retry_at = entry.runs->backoff.due();
        observed.paused = entry.runs->paused;
        observed.phase = entry.runs->draining       ? Phase::kDraining
                         : entry.runs->cannot_start ? Phase::kCannotStart
                         : entry.runs->superseded   ? Phase::kSuperseded
                         : entry.runs->failed       ? Phase::kFailed
                                                    : Phase::kRunning;
      }
      all.emplace(name, observed);
    }
    return all;
  }

  std::vector<Step> Reconcile() {
    const std::set<std::string> to_restart = RunningRestartRequests();
    const auto steps = MakePlan(desired_, Present(), std::exchange(restart_requests_, {}), now_);
    std::map<std::string, Action> first;
    for (const Step& step : steps) {
      const bool switches = step.action == Action::kPause || step.action == Action::kResume;
      if (!first.emplace(step.name, step.action).second && !switches) {
        Fail("two steps for " + step.name);
      }
      Execute(step, to_restart.contains(step.name));
    }
    for (const std::string& name : to_restart) {
      if (first[name] != Action::kRestart) Fail(name + " is not restarted as requested");
    }
    for (const auto& [name, connector] : desired_) {
      if (!first.contains(name)) Fail(name + " has no step");
    }
    for (const auto& [name, entry] : entries_) {
      if (!first.contains(name)) Fail(name + " has no step");
    }
    for (const auto& [name, entry] : entries_) VerifyPaused(name, entry);
    for (const Step& step : MakePlan(desired_, Present(), {}, now_)) VerifyRests(step);
    return steps;
  }

  // A request counts for connectors that run and should run.
  std::set<std::string> RunningRestartRequests() const {
    std::set<std::string> names;
    for (const std::string& name : restart_requests_) {
      const auto entry = entries_.find(name);
      const auto desired = desired_.find(name);
      const bool runs =
          entry != entries_.end() && entry->second.runs && !entry->second.runs->draining;
      const bool should_run = desired != desired_.end() && desired->second.config &&
                              desired->second.target_state != TargetState::kStopped;
      if (runs && should_run) names.insert(name);
    }
    return names;
  }

  void VerifyPaused(const std::string& name, const Entry& entry) {
    const auto desired = desired_.find(name);
    if (desired == desired_.end() || !entry.runs || entry.runs->draining) return;
    const bool paused = desired->second.target_state == TargetState::kPaused;
    if (entry.runs->paused != paused) Fail(name + (paused ? " is not paused" : " is paused"));
  }

  // Level-triggered: once the steps are done, nothing more is to be done until something happens.
  void VerifyRests(const Step& step) {
    const bool rests = step.action == Action::kKeep || step.action == Action::kPublishStatus ||
                       step.action == Action::kAwaitEnd;
    if (!rests) Fail(fmt::format("{} is not at rest: {}", step.name, Text(step.action)));
  }

  void VerifyLeastDisturbance(const Step& step, const Runs& runs, const DesiredConnector& desired,
                              bool restart_requested) {
    if (step.action == Action::kPause || step.action == Action::kResume) return;
    const bool changed = desired.config && !(*desired.config == runs.config);
    const bool needs_consumer = changed && NeedsConsumer(runs.config, *desired.config);
    const Action least = needs_consumer || restart_requested ? Action::kRestart
                         : changed                           ? Action::kApply
                                                             : Action::kKeep;
    if (step.action != least) {
      Fail(fmt::format("{}: {} instead of {}", step.name, Text(step.action), Text(least)));
    }
  }

  void VerifyRestartReason(const Step& step, const Runs& runs, const DesiredConnector& desired,
                           bool restart_requested) {
    if (!step.restart_reason) Fail(step.name + " restarts for no reason");
    using metrics::RestartReason;
    const RestartReason reason = *step.restart_reason;
    const bool defined = reason == RestartReason::kConfig || reason == RestartReason::kSecret;
    if (defined && *desired.config == runs.config) Fail(step.name + " has the same definition");
    if (reason == RestartReason::kApi && !restart_requested) Fail("nobody asked for a restart");
    const bool broken = runs.cannot_start || runs.superseded;
    if (reason == RestartReason::kError && !broken) Fail(step.name + " has no error");
  }

  // Does what the fleet does, and verifies that the step is possible.
  void Execute(const Step& step, bool restart_requested) {
    const auto found = desired_.find(step.name);
    const DesiredConnector* desired = found == desired_.end() ? nullptr : &found->second;
    const bool is_there = entries_.contains(step.name) && entries_[step.name].runs;
    const bool draining = is_there && entries_[step.name].runs->draining;
    const bool runs = is_there && !draining;
    schedule_.Tell([&] { return step.name + ": " + Text(step.action); });
    Entry& entry = entries_[step.name];
    if (runs && desired != nullptr && desired->target_state != TargetState::kStopped &&
        !entry.runs->failed && !entry.runs->cannot_start) {
      VerifyLeastDisturbance(step, *entry.runs, *desired, restart_requested);
    }
    if (step.action != Action::kRemove) entry.stays_stopped = step.stays_stopped;
    switch (step.action) {
      case Action::kStart:
        if (is_there) Fail("two run as " + step.name);
        Start(step.name, *desired, step.paused);
        break;
      case Action::kApply:
        if (!runs || !step.difference.any()) Fail("nothing can be applied to " + step.name);
        entry.runs->config = *desired->config;
        entry.runs->written = desired->config_written;
        break;
      case Action::kRestart:
        if (!runs) Fail(step.name + " is to restart, and does not run");
        VerifyRestartReason(step, *entry.runs, *desired, restart_requested);
        if (step.restart_reason != metrics::RestartReason::kError) BeginAnew(step.name);
        if (Drain(entry)) Start(step.name, *desired, step.paused);
        break;
      case Action::kPause:
      case Action::kResume:
        if (!runs) Fail(step.name + " does not run");
        if (entry.runs->paused == (step.action == Action::kPause))
          Fail("it already has that state");
        entry.runs->paused = step.action == Action::kPause;
        break;
      case Action::kStop:
        if (!runs || desired == nullptr || desired->target_state != TargetState::kStopped) {
          Fail(step.name + " is stopped");
        }
        Drain(entry);
        break;
      case Action::kRemove:
        if (draining || desired != nullptr) Fail(step.name + " is removed");
        if (runs && !Drain(entry)) break;
        targets_.erase(step.name);
        entries_.erase(step.name);
        break;
      case Action::kAwaitEnd:
        if (!draining) Fail(step.name + " does not drain");
        break;
      case Action::kKeep:
        if (!runs) Fail(step.name + " does not run");
        break;
      case Action::kPublishStatus:
        if (is_there || desired == nullptr) Fail(step.name + " has no status to publish");
        break;
    }
  }

  // Returns whether the connector ended at once.
  bool Drain(Entry& entry) {
    entry.runs->draining = true;
    if (dice_.Percent(50)) entry.runs.reset();
    return !entry.runs;
  }

  static bool NeedsConsumer(const config::ConnectorConfig& from,
                            const config::ConnectorConfig& to) {
    const auto fetch = [](const config::ConnectorConfig& config) {
      return config.subscription.consumer_properties.at("fetch.min.bytes");
    };
    return from.tasks_max > to.tasks_max || from.subscription.topics != to.subscription.topics ||
           from.subscription.group != to.subscription.group || fetch(from) != fetch(to) ||
           from.policy.ordering != to.policy.ordering ||
           from.policy.queue_max_bytes != to.policy.queue_max_bytes;
  }

  void Start(const std::string& name, const DesiredConnector& desired, bool paused) {
    if (desired.target_state == TargetState::kStopped) {
      Fail(name + " is started though it is stopped");
    }
    if (desired.config->name != name) Fail(name + " runs by another's definition");
    Entry& entry = entries_[name];
    if (entry.stays_stopped) Fail(name + " is started though it stays stopped");
    entry.runs.emplace();
    entry.runs->config = *desired.config;
    entry.runs->written = desired.config_written;
    entry.runs->paused = paused;
  }

  // From now on nothing changes, drains end, and starts succeed.
  void RunUntilStable() {
    schedule_.Tell([] { return "from here on nothing changes"; });
    Scan();
    Pass(kVanishWait);
    for (int round = 0; round < 3; ++round) {
      Scan();
      for (auto& [name, entry] : entries_) {
        if (entry.runs && entry.runs->draining) entry.runs.reset();
      }
      Pass(400s);
    }
    for (const Step& step : Reconcile()) VerifyRests(step);
    VerifyConverged();
  }

  void VerifyConverged() {
    if (entries_.size() != desired_.size()) Fail("something is left, or missing");
    std::map<std::string, std::set<std::string>> claims;
    for (const Place& place : places_) {
      if (place.draft && place.valid) claims[place.draft->name].insert(place.Id());
    }
    for (const auto& [name, connector] : desired_) {
      const Entry& entry = entries_.at(name);
      const bool stays = connector.target_state == TargetState::kPaused && entry.stays_stopped;
      const bool runs =
          connector.config && connector.target_state != TargetState::kStopped && !stays;
      if (entry.runs.has_value() != runs) Fail(name + (runs ? " does not run" : " runs"));
      if (!runs) continue;
      if (entry.runs->draining || entry.runs->cannot_start) Fail(name + " does not come to work");
      if (!(entry.runs->config == *connector.config)) Fail(name + " runs by another definition");
      const bool paused = connector.target_state == TargetState::kPaused;
      if (entry.runs->paused != paused) Fail(name + (paused ? " is not paused" : " is paused"));
    }
    for (const auto& [name, places] : claims) {
      if (!desired_.contains(name)) Fail(name + " is defined, and is not there");
      const DesiredConnector& connector = desired_.at(name);
      if (!connector.config && connector.newest.origin != Origin::kRest)
        Fail(name + " has no definition to run");
    }
  }

  [[noreturn]] static void Fail(const std::string& what) { throw Broken(what); }

  Schedule& schedule_;
  Dice dice_;
  base::MonotonicTime now_{1h};
  std::vector<Place> places_;
  std::vector<Place> seen_;
  std::optional<base::MonotonicTime> doubted_since_;
  VanishGuard guard_{kVanishWait};
  std::map<std::string, TargetState> targets_;
  std::set<std::string> restart_requests_;
  Desired desired_;
  std::map<std::string, Entry> entries_;
  std::map<std::string, StartBackoff> backoffs_;
  std::map<std::string, int> failures_;  // in a row
};

TEST(PlanModel, ConvergesAndDisturbsNothingElse) {
  testing::Explore(20'000, 60, [](Schedule& schedule) { World(schedule).Play(); });
}

}  // namespace
}  // namespace khs::reconcile
