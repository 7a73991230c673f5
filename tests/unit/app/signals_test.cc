#include "app/signals.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include "app/commands.h"

namespace khs::app {
namespace {

using std::chrono::milliseconds;
using ::testing::ExitedWithCode;

// A process whose main thread hangs during the shutdown.
[[noreturn]] void BeStuck(milliseconds bound, bool is_told_again) {
  Signals signals;
  const auto listening = signals.Listen([] {}, [] {}, bound);
  do {  // equal pending signals are merged
    ::kill(::getpid(), SIGTERM);
    ::sched_yield();
  } while (is_told_again);
  while (true) ::pause();
}

TEST(SignalsDeathTest, ExitAHangingProcessAfterTheTimeout) {
  EXPECT_EXIT(BeStuck(milliseconds(100), false), ExitedWithCode(kExitFailed), "shutdown timed out");
}

TEST(SignalsDeathTest, ExitAtOnceAtTheSecondSignal) {
  EXPECT_EXIT(BeStuck(std::chrono::hours(1), true), ExitedWithCode(kExitFailed), "");
}

}  // namespace
}  // namespace khs::app
