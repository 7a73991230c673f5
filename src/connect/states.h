#pragma once

#include <string_view>

namespace khs::connect {

// The state of a connector or a task as Kafka Connect shows it.
enum class RunState { kUnassigned, kRunning, kPaused, kStopped, kFailed, kRestarting };
// Kafka Connect's name of a state: `RUNNING`.
std::string_view Name(RunState state);

// The state that a connector should be in. It is kept across restarts of the process.
enum class TargetState { kStarted, kPaused, kStopped };

}  // namespace khs::connect
