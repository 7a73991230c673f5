#pragma once

#include <chrono>
#include <optional>
#include <set>
#include <string>

#include "task/commits.h"
#include "task/report.h"
#include "task/task.h"

namespace khs::task {

// Why a poll loop ended.
struct LoopEnd {
  enum class Cause { kRequested, kStrategy, kSourceFault, kSourceObsolete, kCannotStart };
  Cause cause = Cause::kRequested;
  std::string trace;
  bool had_joined = false;  // the group had assigned partitions
};

// Runs one consumer from its first poll until it has left the group: polls events, hands records to
// the dispatcher's lanes, commits, and handles rebalances. Lives on the poll thread's stack and is
// used by that thread only. Its fields are what a step must know of the steps before it, and the
// parts that it drives.
class Task::Loop {
 public:
  Loop(Task& task, RecordSource& source);
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  LoopEnd Run();

 private:
  using Milliseconds = std::chrono::milliseconds;

  struct Leaving {
    LoopEnd end;
    // When attempts in flight are aborted; none: when they end.
    std::optional<base::MonotonicTime> deadline;
    // Of the last commit, and again of leaving the group.
    Milliseconds timeout;
  };
  struct Revoking {
    Partitions partitions;
    base::MonotonicTime deadline;
  };

  void Reconfigure(TaskSettings before);
  void ApplyPause();
  void ReportState(base::MonotonicTime now);
  void UpdateWakeOnFinish();
  void Step();
  Milliseconds Timeout(base::MonotonicTime now);
  void Handle(SourceEvent event);
  void On(Nothing) {}
  void On(Records records);
  void On(Assigned assigned);
  void On(Moved moved);
  void SkipLost(const Loss& found);
  void Fence(const Partitions& partitions);
  void Restore(const Position& position);
  void On(Revoked revoked);
  void On(Committed committed);
  void On(SourceError error);
  void BeginLeaving(LoopEnd end);
  void ShortenDeadline(const StopRequest& request);
  bool CanLeave(base::MonotonicTime now);
  void Shutdown();
  void FinishRevoke(base::MonotonicTime now);
  // Partitions that were being revoked are lost: nothing of them is left to wait for.
  void ForgetRevoking(const Partitions& lost);
  void ApplyFlowChanges();
  void ReportLag(base::MonotonicTime now);

  Task& task_;
  RecordSource& source_;
  std::optional<Leaving> leaving_;
  std::optional<Revoking> revoking_;
  bool paused_ = false;
  bool rests_ = false;   // paused, and nothing is in flight
  bool joined_ = false;  // partitions were assigned, even if there are none now
  std::set<base::TopicPartition> assignment_;
  std::set<base::TopicPartition> blocked_;  // paused because of back-pressure or a pause
  Report report_;
  Dispatcher dispatcher_;  // its thread wakes the source
  Commits commits_;
};

}  // namespace khs::task
