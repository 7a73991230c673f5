#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "metrics/registry.h"
#include "reconcile/definition_source.h"
#include "reconcile/fleet.h"
#include "reconcile/look_schedule.h"
#include "reconcile/state_store.h"
#include "reconcile/status.h"
#include "watch/watcher.h"

namespace khs::reconcile {

// What the probes ask for.
struct Readiness {
  bool started = false;  // the definitions were looked at, and what can run was started
  // Why the directory has not been read yet since the process started; empty once it has.
  std::string directory_unread;
  bool draining = false;
  std::vector<std::string> waiting_for;  // why it is not ready

  // Why the start is not complete; empty when it is.
  std::string starting() const { return started ? directory_unread : "starting"; }
  bool ready() const { return starting().empty() && !draining && waiting_for.empty(); }
};

// Makes what runs equal to what the directory and the REST API say. Everybody else only asks: Run's
// thread alone starts, changes and stops connectors, and never waits for one of them.
class Reconciler {
 public:
  // What an order may read and change, on Run's thread.
  struct Hands {
    const DefinitionSource& source;
    const Fleet::Entries& entries;
    StateStore& store;
    std::set<std::string>& restarts;  // connectors to be stopped and started again
    bool look = false;                // at the directory, before the order is answered
  };
  using Order = std::function<void(Hands&)>;

  struct Settings {
    DefinitionSource::Settings definitions;
    std::filesystem::path state_dir;  // empty: nothing outlives the process
    std::chrono::milliseconds rescan_interval{30'000};
    std::chrono::milliseconds debounce{250};
    std::chrono::milliseconds shutdown_grace{20'000};
    watch::Watcher::Settings watcher = {};
  };

  // What is passed by reference outlives the reconciler. `chance` answers something random from 0
  // to 1.
  Reconciler(Settings settings, Connections connections, CheckDefinition check,
             std::function<double()> chance, const base::Clock& clock, metrics::Registry& registry);
  ~Reconciler();

  // Until RequestStop; returns when every connector has drained, or its grace is over. False when
  // some have not ended even then: their threads hang, and the process should end without them.
  bool Run();

  // Any thread, from here on.

  // Runs an order, looks at the definitions, reconciles, and returns when all that can be seen in
  // the status. Orders take place one after the other. False when nothing is done because the
  // process ends or drains.
  bool Carry(Order order);
  // Waits until the published status is as `is_so` wants it, and answers that status; null after
  // the time, or when the process ends or drains first. `is_so` must not call the reconciler.
  std::shared_ptr<const Status> AwaitStatus(const std::function<bool(const Status&)>& is_so,
                                            std::chrono::milliseconds timeout);
  void RequestRescan();
  // Ends Run.
  void RequestStop();
  // Stops every connector while the process goes on, and waits for it, at most as long as the
  // shutdown's grace and a little. False when requests had to be ended or the time was over first.
  // A second call waits for the same end.
  bool Drain();
  Readiness readiness() const;
  std::shared_ptr<const Status> status() const;

 private:
  using Waiting = std::pair<Order, std::promise<bool>>;
  struct Requests {
    bool look = false;
    bool changed = false;
    bool writing = false;  // of the last change
    bool task_changed = false;
    bool drain = false;
    bool stop = false;

    bool any() const { return look || changed || task_changed || drain || stop; }
  };
  Requests Await();
  std::deque<Waiting> TakeOrders();
  bool CarryOut(std::deque<Waiting>& orders);
  void Close();
  base::MonotonicTime NextDue() const;
  std::unique_ptr<watch::Watcher> MakeWatcher();
  void LookIfDue(base::MonotonicTime now, watch::Watcher* watcher);
  void ReportLook(const DefinitionSource::Look& look);
  void ReportIgnored(const watch::IgnoredEntries& ignored);
  void ReportProblems();

  bool StopAll();
  void Publish(bool drained = false);

  const Settings settings_;
  const base::Clock& clock_;
  metrics::Registry& registry_;

  // Run's thread only.
  StateStore store_;
  DefinitionSource source_;
  std::vector<std::filesystem::path> watched_;  // as the watcher was told
  bool undecided_ = true;                       // after the last look
  LookSchedule schedule_;
  int looks_ = 0;
  bool started_ = false;
  std::string directory_unread_;  // as in Readiness
  bool directory_was_read_ = false;
  std::vector<std::string> ignored_;                  // names that were said
  std::string look_error_;                            // said once until it changes
  std::map<std::string, config::Problems> reported_;  // by connector: likewise

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  Requests requests_;
  std::deque<Waiting> orders_;  // until the definitions are known
  Readiness readiness_;
  std::shared_ptr<const Status> status_ = std::make_shared<Status>();
  bool drain_requested_ = false;
  bool drained_ = false;
  bool cut_off_ = false;
  bool closed_ = false;  // Run has returned

  Fleet fleet_;  // Run's thread only; last: its tasks ask for what stands above
};

}  // namespace khs::reconcile
