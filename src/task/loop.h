#pragma once

#include <chrono>
#include <optional>
#include <set>
#include <string>

#include "task/commits.h"
#include "task/lag_report.h"
#include "task/task.h"

namespace khs::task {

// Why a consumer's loop came to its end.
struct LoopEnd {
  enum class Cause { kRequested, kStrategy, kSourceFault, kSourceObsolete, kCannotStart };
  Cause cause = Cause::kRequested;
  std::string trace;
  bool had_joined = false;  // its group had given it partitions
};

// The life of one consumer, from its first poll to leaving the group. The poll thread's alone.
class Task::Loop {
 public:
  Loop(Task& task, RecordSource& source);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  LoopEnd Run();

 private:
  using Milliseconds = std::chrono::milliseconds;

  struct Leaving {
    LoopEnd end;
    std::optional<base::MonotonicTime> deadline;  // of what is in flight; none: it ends by itself
    Milliseconds farewell;                        // for the last commit, and again for leaving
  };
  struct Revoking {
    Partitions partitions;
    base::MonotonicTime deadline;
  };

  void Reconfigure(const TaskSettings& before);
  void AdoptPause();
  void ReportState();
  void ReportJoining(base::MonotonicTime now);
  void ReportDeadLetters();
  void WatchInFlight();
  void Step();
  Milliseconds Timeout(base::MonotonicTime now, bool wants_more);
  void Handle(SourceEvent event);
  void On(Nothing) {}
  void On(Records records);
  void WarnOfFutureTimestamp(const delivery::Record& record, base::WallTime now);
  void On(Assigned assigned);
  void On(Moved moved);
  void PassOver(const Loss& found);
  void Restore(const Position& position);
  void On(Revoked revoked);
  void On(Committed committed);
  void On(SourceError error);
  void BeginLeaving(LoopEnd end);
  void Tighten(const StopRequest& request);
  bool MayLeave(base::MonotonicTime now);
  void Farewell();
  void FinishRevoke(base::MonotonicTime now);
  void AdjustFlow();
  void ReportGauges();
  void ReportLag(base::MonotonicTime now);
  void BrokersAnswer();

  Task& task_;
  RecordSource& source_;
  std::optional<Leaving> leaving_;
  std::optional<Revoking> revoking_;
  bool paused_ = false;
  bool joined_ = false;  // partitions were assigned, even if there are none now
  std::optional<base::MonotonicTime> join_report_;  // when the log says that it is not joined yet
  std::optional<TaskState> reported_state_;
  std::optional<std::string> reported_dead_letter_problem_;
  long reported_records_ = 0;
  long reported_bytes_ = 0;
  long reported_waiting_ = 0;
  long assigned_ = 0;
  // Whose first timestamp from the future was logged, since they were assigned.
  std::set<base::TopicPartition> future_timestamps_;
  LagReport lag_;
  Dispatcher dispatcher_;  // its thread wakes the source
  Commits commits_;
};

}  // namespace khs::task
