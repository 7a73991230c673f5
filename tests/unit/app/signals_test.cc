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

// A process whose main thread never hears of its end.
[[noreturn]] void BeStuck(milliseconds bound, bool is_told_again) {
  Signals signals;
  const auto listening = signals.Listen([] {}, [] {}, bound);
  do {  // two of a kind that wait are one
    ::kill(::getpid(), SIGTERM);
    ::sched_yield();
  } while (is_told_again);
  while (true) ::pause();
}

TEST(SignalsDeathTest, EndAProcessThatIsStuckAfterItsBound) {
  EXPECT_EXIT(BeStuck(milliseconds(100), false), ExitedWithCode(kExitFailed),
              "did not end in its time");
}

TEST(SignalsDeathTest, EndAProcessAtOnceAtTheSecondOfThem) {
  EXPECT_EXIT(BeStuck(std::chrono::hours(1), true), ExitedWithCode(kExitFailed), "");
}

}  // namespace
}  // namespace khs::app
