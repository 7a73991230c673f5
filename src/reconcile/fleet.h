#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/clock.h"
#include "metrics/registry.h"
#include "reconcile/connector.h"
#include "reconcile/entry.h"
#include "reconcile/plan.h"
#include "reconcile/state_store.h"

namespace khs::reconcile {

// Every name and what runs under it: carries out the plan, and waits for nothing. The reconciler's
// thread alone.
class Fleet {
 public:
  using Entries = std::map<std::string, std::unique_ptr<Entry>>;

  // `on_change` is called from the tasks' threads, and must only enqueue. What is passed by
  // reference outlives the fleet.
  Fleet(Connections connections, StateStore& store, std::function<double()> chance,
        std::chrono::milliseconds grace, const base::Clock& clock, metrics::Registry& registry,
        std::function<void()> on_change);

  const Entries& entries() const { return entries_; }
  // Those to be stopped and started again with the next Reconcile.
  std::set<std::string>& restarts() { return restarts_; }

  // Looks at what runs, and makes it what is desired.
  void Reconcile(const Desired& desired, base::MonotonicTime now);
  // When a connector that could not start is to be started again; never (max) when there is none.
  base::MonotonicTime NextStart() const;
  // How many do not run because there are no file descriptors for them.
  size_t refused() const;

  // All of them, for good, within the grace.
  void RequestStop();
  bool ended() const;
  // The stop ended requests, or could not commit; records will be repeated.
  bool cut_off() const;
  // Of what has ended.
  void Clear() { entries_.clear(); }

 private:
  void Observe(Entry& entry, base::MonotonicTime now);
  void Reap(Entry& entry);
  Actual CurrentState() const;
  void Execute(const Step& step, const Desired& desired);
  void RestartAsOrdered(const Desired& desired);
  void Observed(Entry& entry, const Wanted& wanted);
  Entry& EntryOf(const std::string& name, const Wanted& wanted);
  void Forget(const std::string& name);
  void CountDescriptors();
  void StopWhatExceeds();
  bool IsAdmitted(const std::string& name, const Wanted& wanted);
  void Start(const std::string& name, const Wanted& wanted);
  void Apply(const std::string& name, const Wanted& wanted, const Difference& difference);
  void Restart(const std::string& name, const Wanted& wanted, metrics::RestartReason reason);
  void Stop(Entry& entry);
  void ShowStates(const Desired& desired);

  const Connections connections_;
  StateStore& store_;
  const std::function<double()> chance_;
  const std::chrono::milliseconds grace_;
  const base::Clock& clock_;
  metrics::Registry& registry_;
  const std::function<void()> on_change_;
  std::set<std::string> restarts_;
  DescriptorBudget budget_;
  base::MonotonicTime retry_refused_ = base::MonotonicTime::max();
  Entries entries_;  // last: they use the rest
};

}  // namespace khs::reconcile
