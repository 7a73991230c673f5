#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/flat.h"
#include "metrics/registry.h"
#include "reconcile/connector.h"
#include "reconcile/desired.h"
#include "reconcile/plan.h"

namespace khs::reconcile {

// What the probes ask for.
struct Readiness {
  bool started = false;  // the directory was read and its connectors were started
  bool draining = false;
  std::vector<std::string> waiting_for;  // why it is not ready

  bool ready() const { return started && !draining && waiting_for.empty(); }
};

// Makes what runs equal to what the directory says. Everybody else only asks: Run's thread alone
// starts, changes and stops connectors.
class Reconciler {
 public:
  struct Settings {
    std::filesystem::path directory;
    std::chrono::milliseconds shutdown_grace{20'000};
    config::FlatConfig defaults;  // of every connector
    std::string defaults_file;
  };

  // What is passed by reference outlives the reconciler.
  Reconciler(Settings settings, Connections connections, const base::Clock& clock,
             metrics::Registry& registry);
  ~Reconciler();

  // Until RequestStop; returns when every connector has drained, or its grace is over.
  void Run();

  // Any thread, from here on.
  void RequestRescan();
  // Ends Run.
  void RequestStop();
  // Stops every connector while the process goes on, and waits for it, at most as long as the
  // shutdown's
  // grace and a little. False when requests had to be ended or the time was over first. A second
  // call waits for the same end.
  bool Drain();
  Readiness readiness() const;

 private:
  struct Requests {
    bool rescan = true;  // the first look
    bool task_changed = false;
    bool drain = false;
    bool stop = false;

    bool any() const { return rescan || task_changed || drain || stop; }
  };

  Requests Await();
  void Rescan();
  void Execute(const std::vector<Step>& steps, const Desired& desired);
  void ReportProblems(const Desired& desired);
  bool AwaitEnds(const std::vector<const Connector*>& ending, bool give_up_on_stop);
  void StopAll();
  void PublishReadiness(bool drained = false);
  Actual CurrentState() const;
  std::unique_ptr<Connector> Start(const config::ConnectorConfig& config);

  const Settings settings_;
  const Connections connections_;
  const base::Clock& clock_;
  metrics::Registry& registry_;

  // Run's thread only.
  bool started_ = false;
  NamesByFile names_by_file_;
  std::map<std::string, config::Problems> reported_;  // by file: said once until it changes
  std::map<std::string, std::unique_ptr<Connector>> connectors_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  Requests requests_;
  Readiness readiness_;
  bool drain_requested_ = false;
  bool drained_ = false;
  bool cut_off_ = false;
};

}  // namespace khs::reconcile
