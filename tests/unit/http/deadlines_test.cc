#include "http/deadlines.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <thread>
#include <vector>

namespace khs::http {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

class SocketPair {
 public:
  SocketPair() {
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends_.data()) != 0) std::abort();
  }
  ~SocketPair() {
    for (const int end : ends_) ::close(end);
  }
  int end() const { return ends_[0]; }

  // Blocks until the connection ends: what a thread in the middle of a request does.
  void ReadToTheEnd() const {
    char byte = 0;
    while (::recv(ends_[0], &byte, 1, 0) > 0) {
    }
  }
  bool Ended() const {
    pollfd polled{ends_[0], POLLIN, 0};
    return ::poll(&polled, 1, 0) != 0;
  }

 private:
  std::array<int, 2> ends_{};
};

TEST(Deadlines, EndsAReadThatBlocksWhenItsTimeIsUp) {
  Deadlines deadlines;
  const SocketPair sockets;
  const auto when = steady_clock::now() + milliseconds(30);
  Deadlines::Guard guard = deadlines.Arm(sockets.end(), when);
  sockets.ReadToTheEnd();
  EXPECT_GE(steady_clock::now(), when);
  EXPECT_TRUE(guard.Disarm());
  EXPECT_TRUE(guard.Disarm());
}

TEST(Deadlines, EndsAtOnceWhatIsArmedTooLate) {
  Deadlines deadlines;
  const SocketPair sockets;
  Deadlines::Guard guard = deadlines.Arm(sockets.end(), steady_clock::now() - seconds(1));
  sockets.ReadToTheEnd();
  EXPECT_TRUE(guard.Disarm());
}

TEST(Deadlines, LeavesAloneWhatEndsInTime) {
  Deadlines deadlines;
  const SocketPair early;
  const SocketPair late;
  {
    Deadlines::Guard guard = deadlines.Arm(early.end(), steady_clock::now() + milliseconds(30));
    EXPECT_FALSE(guard.Disarm());
  }
  // When this one fires, the other's time has come as well.
  Deadlines::Guard guard = deadlines.Arm(late.end(), steady_clock::now() + milliseconds(60));
  late.ReadToTheEnd();
  EXPECT_TRUE(guard.Disarm());
  EXPECT_FALSE(early.Ended());
}

TEST(Deadlines, NoticesANewDeadlineThatComesBeforeTheOthers) {
  Deadlines deadlines;
  const SocketPair patient;
  const SocketPair hasty;
  Deadlines::Guard far = deadlines.Arm(patient.end(), steady_clock::now() + hours(1));
  Deadlines::Guard near = deadlines.Arm(hasty.end(), steady_clock::now() + milliseconds(20));
  hasty.ReadToTheEnd();
  EXPECT_TRUE(near.Disarm());
  EXPECT_FALSE(far.Disarm());
  EXPECT_FALSE(patient.Ended());
}

TEST(Deadlines, FiresForSeveralOfOneMoment) {
  Deadlines deadlines;
  const SocketPair first;
  const SocketPair second;
  const auto when = steady_clock::now() + milliseconds(20);
  Deadlines::Guard one = deadlines.Arm(first.end(), when);
  Deadlines::Guard other = deadlines.Arm(second.end(), when);
  first.ReadToTheEnd();
  second.ReadToTheEnd();
  EXPECT_TRUE(one.Disarm());
  EXPECT_TRUE(other.Disarm());
}

TEST(Deadlines, NeverTouchesADescriptorAfterItsGuardIsGone) {
  Deadlines deadlines;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&deadlines] {
      for (int round = 0; round < 500; ++round) {
        // Due while it is disarmed, so that both sides meet.
        const SocketPair closed;
        {
          Deadlines::Guard guard =
              deadlines.Arm(closed.end(), steady_clock::now() + std::chrono::microseconds(20));
        }
        const bool ended = closed.Ended();
        const SocketPair fresh;
        EXPECT_FALSE(fresh.Ended());
        EXPECT_EQ(closed.Ended(), ended);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace khs::http
