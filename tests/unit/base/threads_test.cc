#include "base/threads.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <stdexcept>

#include "support/few_threads.h"

namespace khs::base {
namespace {

TEST(Threads, AreStartedAndEnded) {
  EXPECT_FALSE(TryThreads(0));
  EXPECT_FALSE(TryThreads(20));
}

TEST(ThreadsDeathTest, AreStartedAllAtOnce) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        if (!testing::AllowThreads(5)) std::_Exit(testing::kNotLet);
        // Sanitizers start a thread of their own.
        std::_Exit(!TryThreads(3) && TryThreads(6) && !TryThreads(3) ? 0 : 1);
      },
      testing::ExitedWell, "");
}

TEST(Threads, AFailedStartNamesTheLimit) {
  const std::system_error missing(std::make_error_code(std::errc::resource_unavailable_try_again));
  EXPECT_EQ(
      Describe(missing),
      "cannot start a thread: Resource temporarily unavailable (the limit of processes, or of "
      "pids in the control group)");
  EXPECT_EQ(Describe(std::runtime_error("another")), "another");
}

}  // namespace
}  // namespace khs::base
