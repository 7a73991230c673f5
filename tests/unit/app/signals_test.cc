#include "app/signals.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "app/commands.h"

namespace khs::app {
namespace {

using std::chrono::milliseconds;
using ::testing::ExitedWithCode;

// A process whose main thread never hears of its end.
[[noreturn]] void BeStuck(milliseconds bound, int terms) {
  Signals signals;
  const auto listening = signals.Listen([] {}, [] {}, bound);
  for (int i = 0; i < terms; ++i) {
    ::kill(::getpid(), SIGTERM);
    ::usleep(50'000);  // two of a kind that wait are one
  }
  while (true) ::pause();
}

TEST(SignalsDeathTest, EndAProcessThatIsStuckAfterItsBound) {
  EXPECT_EXIT(BeStuck(milliseconds(100), 1), ExitedWithCode(kExitFailed),
              "did not end in its time");
}

TEST(SignalsDeathTest, EndAProcessAtOnceAtTheSecondOfThem) {
  EXPECT_EXIT(BeStuck(std::chrono::hours(1), 2), ExitedWithCode(kExitFailed), "");
}

}  // namespace
}  // namespace khs::app
