#include "connect/states.h"

namespace khs::connect {

std::string_view Name(RunState state) {
  switch (state) {
    case RunState::kUnassigned:
      return "UNASSIGNED";
    case RunState::kRunning:
      return "RUNNING";
    case RunState::kPaused:
      return "PAUSED";
    case RunState::kStopped:
      return "STOPPED";
    case RunState::kFailed:
      return "FAILED";
    case RunState::kRestarting:
      break;
  }
  return "RESTARTING";
}

}  // namespace khs::connect
