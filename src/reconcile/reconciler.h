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
#include "reconcile/scan_schedule.h"
#include "reconcile/state_store.h"
#include "reconcile/status.h"
#include "watch/watcher.h"

namespace khs::reconcile {

// What the probes show.
struct Readiness {
  bool started = false;  // the definitions were read, and what can run was started
  // Why the directory could not be read since the process started; empty once it was read.
  std::string directory_unread;
  bool draining = false;
  std::vector<std::string> waiting_for;  // why the process is not ready

  // Why the start is not complete; empty when it is.
  std::string starting() const { return started ? directory_unread : "starting"; }
  bool ready() const { return starting().empty() && !draining && waiting_for.empty(); }
};

// The control loop. Its job is to make what runs equal to what the directory and the REST API
// define. Only the thread of Run starts, changes and stops connectors, and it never waits for one
// of them. Other threads send requests and commands. Owned by `app`. Its fields form two groups,
// those of the thread of Run and those that other threads share with it; what needs neither is in
// Fleet, DefinitionSource and ScanSchedule.
class Reconciler {
 public:
  // What a command may read and change, on the thread of Run.
  struct CommandContext {
    const DefinitionSource& source;
    const Fleet::Entries& entries;
    StateStore& store;
    std::set<std::string>& restart_requests;  // connectors to restart
    bool scan = false;                        // scan the definitions before the command returns
  };
  using Command = std::function<void(CommandContext&)>;

  struct Settings {
    DefinitionSource::Settings definitions;
    std::filesystem::path state_dir;  // empty: nothing outlives the process
    std::chrono::milliseconds rescan_interval{30'000};
    std::chrono::milliseconds debounce{250};
    std::chrono::milliseconds shutdown_grace{20'000};
    watch::Watcher::Settings watcher = {};
  };

  // Arguments passed by reference must outlive the reconciler. `chance` returns random numbers
  // from 0 to 1.
  Reconciler(Settings settings, Connections connections, CheckDefinition check,
             std::function<double()> chance, const base::Clock& clock, metrics::Registry& registry);
  ~Reconciler();

  // Runs until RequestStop, and returns when every connector has drained or the grace is over.
  // Returns false when some connector has not ended even then: its threads hang, and the process
  // should exit without them.
  bool Run();

  // Any thread may call what follows.

  // Runs a command, reconciles, and returns when the status shows the result. Commands run one
  // after the other, once the definitions are known. Returns false without running it when the
  // process drains or ends.
  bool Execute(Command command);
  // Waits until `condition` holds for the published status, and returns that status. Returns null
  // on a timeout, and when the process drains or ends. `condition` must not call the reconciler.
  std::shared_ptr<const Status> AwaitStatus(const std::function<bool(const Status&)>& condition,
                                            std::chrono::milliseconds timeout);
  void RequestRescan();
  // Ends Run.
  void RequestStop();
  // Stops every connector while the process goes on, and waits for it, a little longer than the
  // shutdown grace at most. Returns false on a timeout, or when requests had to be aborted. Later
  // calls wait for the same drain.
  bool Drain();
  Readiness readiness() const;
  std::shared_ptr<const Status> status() const;

 private:
  using PendingCommand = std::pair<Command, std::promise<bool>>;
  struct Events {
    bool rescan = false;
    bool changed = false;
    bool writing = false;  // the last change was to a file that is still being written
    bool task_changed = false;
    bool drain = false;
    bool stop = false;

    bool any() const { return rescan || changed || task_changed || drain || stop; }
  };
  Events AwaitEvents();
  std::deque<PendingCommand> TakeCommands();
  bool ExecuteCommands(std::deque<PendingCommand>& commands);
  void Close();
  base::MonotonicTime NextDue() const;
  std::unique_ptr<watch::Watcher> MakeWatcher();
  void ScanIfDue(base::MonotonicTime now, watch::Watcher* watcher);
  void ReportScan(const DefinitionSource::ScanResult& result);
  void ReportIgnored(const watch::IgnoredEntries& ignored);
  void ReportProblems();

  bool StopAll();
  void Publish(bool drained = false);

  const Settings settings_;
  const base::Clock& clock_;
  metrics::Registry& registry_;

  // Used by the thread of Run only.
  StateStore store_;
  DefinitionSource source_;
  std::vector<std::filesystem::path> watched_;  // as set in the watcher
  bool settled_ = false;                        // nothing was still changing at the last scan
  std::set<std::string> restart_requests_;      // for the next plan
  ScanSchedule schedule_;
  int scans_ = 0;
  bool started_ = false;
  std::string directory_unread_;  // as in Readiness
  bool directory_was_read_ = false;
  std::vector<std::string> ignored_;                  // already logged
  std::string scan_error_;                            // already logged
  std::map<std::string, config::Problems> reported_;  // by connector, already logged

  mutable std::mutex mutex_;  // guards the members up to the fleet
  std::condition_variable changed_;
  Events events_;
  std::deque<PendingCommand> commands_;
  Readiness readiness_;
  std::shared_ptr<const Status> status_ = std::make_shared<Status>();
  bool drain_requested_ = false;
  bool drained_ = false;
  bool cut_off_ = false;
  bool closed_ = false;  // Run has returned

  Fleet fleet_;  // used by the thread of Run only; last: its tasks use the members above
};

}  // namespace khs::reconcile
