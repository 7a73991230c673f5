#include "net/loop.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace khs::net {
namespace {

using base::MonotonicTime;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr MonotonicTime kNever = MonotonicTime::max();

// A clock that only the test advances.
class StoppedClock final : public base::Clock {
 public:
  base::Now Read() const override { return now; }
  base::Now now = base::SystemClock().Read();
};

class LoopTest : public ::testing::Test {
 protected:
  // Polls once without sleeping.
  void Look() { (void)loop_.Poll(loop_.Now(), microseconds(0)); }
  void Advance(milliseconds time) {
    clock_.now.monotonic += time;
    Look();
  }

  StoppedClock clock_;
  Loop loop_{clock_};  // last: its jobs use the other members
};

TEST_F(LoopTest, RunsAJobUntilItsFirstWait) {
  int reached = 0;
  loop_.Start([&] {
    reached = 1;
    loop_.WaitForNotify();
    reached = 2;
  });
  EXPECT_EQ(reached, 1);
  Look();
  EXPECT_EQ(reached, 1);
  loop_.Notify();
  Look();
  EXPECT_EQ(reached, 2);
}

TEST_F(LoopTest, WaitsEndInTheOrderOfTheirTimes) {
  std::string order;
  for (const int delay : {30, 10, 20}) {
    loop_.Start([&, delay] {
      EXPECT_FALSE(loop_.WaitForNotify(loop_.Now() + milliseconds(delay)));
      order += std::to_string(delay) + ' ';
    });
  }
  Advance(milliseconds(9));
  EXPECT_EQ(order, "");
  Advance(milliseconds(1));
  EXPECT_EQ(order, "10 ");
  Advance(milliseconds(100));
  EXPECT_EQ(order, "10 20 30 ");
}

TEST_F(LoopTest, AWaitThatTimesOutIsNoInterruption) {
  int waits = 0;
  loop_.Start([&] {
    loop_.SetDeadline(loop_.Now() + milliseconds(25));
    try {
      for (;; ++waits) loop_.WaitForNotify(loop_.Now() + milliseconds(10));
    } catch (const Interrupted&) {
      EXPECT_EQ(loop_.interruption(), Interruption::kDeadline);
    }
  });
  for (int i = 0; i < 30; ++i) Advance(milliseconds(1));
  EXPECT_EQ(waits, 2);
}

TEST_F(LoopTest, ADeadlineLastsUntilItIsSetAgain) {
  int interrupted = 0;
  bool ended = false;
  loop_.Start([&] {
    loop_.SetDeadline(loop_.Now() + milliseconds(5));
    for (int i = 0; i < 3; ++i) {
      try {
        loop_.WaitForNotify();
      } catch (const Interrupted&) {
        ++interrupted;
      }
    }
    loop_.SetDeadline(loop_.Now() + milliseconds(5));
    EXPECT_FALSE(loop_.WaitForNotify(loop_.Now() + milliseconds(1)));
    ended = true;
  });
  Advance(milliseconds(5));
  EXPECT_EQ(interrupted, 3);
  Advance(milliseconds(1));
  EXPECT_TRUE(ended);
}

TEST_F(LoopTest, ADeadlineMayMoveLaterAndEarlier) {
  bool over = false;
  loop_.Start([&] {
    loop_.SetDeadline(loop_.Now() + seconds(1));
    loop_.WaitForNotify(loop_.Now() + milliseconds(1));
    loop_.SetDeadline(loop_.Now() + seconds(10));
    loop_.WaitForNotify(loop_.Now() + seconds(2));  // beyond the first deadline
    loop_.SetDeadline(loop_.Now() + milliseconds(1));
    EXPECT_THROW(loop_.WaitForNotify(), Interrupted);
    over = true;
  });
  Advance(milliseconds(1));
  Advance(seconds(1));
  Advance(seconds(1));
  EXPECT_FALSE(over);
  Advance(milliseconds(1));
  EXPECT_TRUE(over);
}

TEST_F(LoopTest, AJobThatDoesNotWaitSeesItsDeadlineToo) {
  bool thrown = false;
  loop_.Start([&] {
    loop_.SetDeadline(loop_.Now() + seconds(1));
    loop_.ThrowIfInterrupted();
    clock_.now.monotonic += seconds(1);
    EXPECT_THROW(loop_.ThrowIfInterrupted(), Interrupted);
    thrown = true;
  });
  EXPECT_TRUE(thrown);
}

TEST_F(LoopTest, AJobInheritsNothingFromThePreviousJobOfItsFiber) {
  Fiber* const first = loop_.Start([&] {
    loop_.SetDeadline(loop_.Now() + seconds(1));
    EXPECT_THROW(loop_.WaitForNotify(), Interrupted);
  });
  loop_.Cancel(first);
  bool ended = false;
  Fiber* const second = loop_.Start([&] {
    EXPECT_EQ(loop_.interruption(), Interruption::kNone);
    EXPECT_TRUE(loop_.WaitForNotify());
    ended = true;
  });
  EXPECT_EQ(first, second);
  Advance(seconds(2));
  loop_.Notify();
  Look();
  EXPECT_TRUE(ended);
}

TEST_F(LoopTest, CancelEndsASuspendedJobAtOnce) {
  int waits = 0;
  Fiber* const fiber = loop_.Start([&] {
    for (int i = 0; i < 3; ++i) {
      try {
        loop_.WaitForNotify();
      } catch (const Interrupted&) {
        EXPECT_EQ(loop_.interruption(), Interruption::kCancelled);
        ++waits;
      }
    }
  });
  loop_.Cancel(fiber);
  EXPECT_EQ(waits, 3);
}

TEST_F(LoopTest, CancelsItsJobsWhenDestroyed) {
  int ended = 0;
  {
    Loop loop(clock_);
    for (int i = 0; i < 200; ++i) {
      loop.Start([&] {
        const struct Count {
          ~Count() { ++ended; }
          int& ended;
        } count{ended};
        try {
          loop.WaitForNotify();
        } catch (const Interrupted&) {
        }
      });
    }
    EXPECT_EQ(ended, 0);
  }
  EXPECT_EQ(ended, 200);
}

// Each job suspends in a catch block while others throw, and then finds its own exception again.
TEST_F(LoopTest, AJobMaySuspendItselfInACatchBlock) {
  std::vector<std::string> found(20);
  for (size_t i = 0; i < found.size(); ++i) {
    loop_.Start([&, i] {
      for (int round = 0; round < 5; ++round) {
        try {
          throw std::runtime_error(std::to_string(i));
        } catch (const std::runtime_error&) {
          loop_.WaitForNotify();
          EXPECT_EQ(std::uncaught_exceptions(), 0);
          try {
            throw;  // rethrows the current exception
          } catch (const std::runtime_error& again) {
            found[i] += again.what();
          }
        }
      }
    });
  }
  for (int round = 0; round < 5; ++round) {
    try {
      throw std::logic_error("of the loop's own thread");
    } catch (const std::logic_error&) {
      loop_.Notify();
      Look();
      EXPECT_THROW(throw, std::logic_error);
    }
  }
  for (size_t i = 0; i < found.size(); ++i) {
    std::string expected;
    for (int round = 0; round < 5; ++round) expected += std::to_string(i);
    EXPECT_EQ(found[i], expected);
  }
}

TEST_F(LoopTest, AnExceptionMayCrossAFrameThatSuspendsWhileItUnwinds) {
  bool caught = false;
  loop_.Start([&] {
    struct Waits {
      ~Waits() {
        loop.WaitForNotify();
        EXPECT_EQ(std::uncaught_exceptions(), 1);
      }
      Loop& loop;
    };
    try {
      const Waits waits{loop_};
      throw std::runtime_error("unwinds");
    } catch (const std::runtime_error&) {
      caught = true;
    }
  });
  EXPECT_EQ(std::uncaught_exceptions(), 0);
  loop_.Notify();
  Look();
  EXPECT_TRUE(caught);
}

// Uses `bytes` of stack, page by page.
[[gnu::noinline]] char UseStack(size_t bytes) {
  volatile char page[4096];
  page[0] = static_cast<char>(bytes);
  return bytes <= sizeof page ? page[0]
                              : static_cast<char>(UseStack(bytes - sizeof page) + page[0]);
}

TEST_F(LoopTest, AJobHas48KiBOfStack) {
  int used = -1;
  loop_.Start([&] { used = UseStack(48 * 1024); });
  EXPECT_NE(used, -1);
}

TEST_F(LoopTest, AStackOverflowEndsTheProcessInsteadOfOverwritingAnotherStack) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(loop_.Start([] { (void)UseStack(1024 * 1024); }), "");
}

TEST_F(LoopTest, RunsThousandsOfJobsAtOnce) {
#if defined(__SANITIZE_THREAD__)
  constexpr int kJobs = 1'000;  // under the sanitizers a fiber costs milliseconds
#else
  constexpr int kJobs = 5'000;
#endif
  int begun = 0;
  int ended = 0;
  for (int i = 0; i < kJobs; ++i) {
    loop_.Start([&] {
      ++begun;
      for (int round = 0; round < 3; ++round) EXPECT_TRUE(loop_.WaitForNotify());
      ++ended;
    });
  }
  EXPECT_EQ(begun, kJobs);
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(ended, 0);
    loop_.Notify();
    Look();
  }
  EXPECT_EQ(ended, kJobs);
}

TEST_F(LoopTest, AnotherThreadWakesTheLoopAndItsWaitingJobs) {
  std::atomic<bool> brought{false};
  bool seen = false;
  loop_.Start([&] {
    while (!brought) loop_.WaitForNotify();
    seen = true;
  });
  std::thread other([&brought, wake = loop_.wake_event()] {
    brought = true;
    wake->Set();
  });
  EXPECT_TRUE(loop_.Poll(kNever, microseconds(0)));
  EXPECT_TRUE(seen);
  other.join();
}

TEST_F(LoopTest, AWakeBeforeThePollIsNotLost) {
  loop_.wake_event()->Set();
  EXPECT_TRUE(loop_.Poll(kNever, microseconds(0)));
  EXPECT_FALSE(loop_.Poll(loop_.Now(), microseconds(0)));
}

TEST_F(LoopTest, SleepsNoLongerThanToTheNextTimer) {
  base::SystemClock clock;
  Loop loop(clock);
  bool ended = false;
  loop.Start([&] {
    loop.WaitForNotify(loop.Now() + milliseconds(20));
    ended = true;
  });
  const auto start = std::chrono::steady_clock::now();
  while (!ended) (void)loop.Poll(kNever, microseconds(0));
  EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(20));
}

}  // namespace
}  // namespace khs::net
