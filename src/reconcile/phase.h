#pragma once

namespace khs::reconcile {

// What the tasks of a connector do, for the plan. It is not connect::RunState, which is shown: that
// follows from the phase and the target state.
enum class Phase {
  kAbsent,       // there are no tasks: never valid, stopped, refused or ended
  kStarting,     // no task has joined its group yet
  kRunning,      // or paused
  kDraining,     // asked to stop, and not ended yet
  kFailed,       // stopped at a record; only a new definition or a restart by a caller helps
  kSuperseded,   // stopped at a record, and a new definition came too late to be applied
  kCannotStart,  // a task could not be started; another start may help
};

}  // namespace khs::reconcile
