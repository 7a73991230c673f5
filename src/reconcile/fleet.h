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

// All connectors by name. Its job is to execute the plan without waiting for anything. Owned by the
// reconciler, and used by the reconciler's thread only.
class Fleet {
 public:
  using Entries = std::map<std::string, std::unique_ptr<Entry>>;

  // The tasks' threads call `on_change`, which must only enqueue. Arguments passed by reference
  // must outlive the fleet.
  Fleet(Connections connections, StateStore& store, std::function<double()> chance,
        std::chrono::milliseconds grace, const base::Clock& clock, metrics::Registry& registry,
        std::function<void()> on_change);

  const Entries& entries() const { return entries_; }

  // Observes what runs, plans, and executes the plan.
  void Reconcile(const Desired& desired, const std::set<std::string>& restart_requests,
                 base::MonotonicTime now);
  // When the next failed or refused start is due; max when there is none.
  base::MonotonicTime NextStart() const;
  // The number of connectors for which there are too few file descriptors.
  size_t refused() const;

  // Stops every connector for good, within the grace.
  void RequestStop();
  bool ended() const;
  // Whether the stop aborted requests or failed to commit, so that records will be repeated.
  bool cut_off() const;
  // Destroys the connectors, which must have ended.
  void Clear() { entries_.clear(); }

 private:
  void ReleaseEnded(Entry& entry);
  void UpdateBackoff(Entry& entry, base::MonotonicTime now);
  Observed Observe() const;
  void Execute(const Step& step, const Desired& desired);
  Entry& FindOrAdd(const std::string& name, const DesiredConnector& desired);
  void RecordDefinition(Entry& entry, const DesiredConnector& desired);
  void CountDescriptors();
  void StopOverBudget();
  bool IsAdmitted(const std::string& name, const DesiredConnector& desired);
  void Start(const std::string& name, const DesiredConnector& desired, bool paused);
  void Apply(const std::string& name, const DesiredConnector& desired,
             const Difference& difference);
  void Restart(const Step& step, const DesiredConnector& desired);
  void Drain(Entry& entry);
  void Remove(const std::string& name);
  void PublishStates(const Desired& desired);

  const Connections connections_;
  StateStore& store_;
  const std::function<double()> chance_;
  const std::chrono::milliseconds grace_;
  const base::Clock& clock_;
  metrics::Registry& registry_;
  const std::function<void()> on_change_;
  DescriptorBudget budget_;
  base::MonotonicTime retry_refused_ = base::MonotonicTime::max();
  Entries entries_;  // last: the connectors use the members above
};

}  // namespace khs::reconcile
