#include "net/fiber_socket.h"

#include <Poco/Exception.h>
#include <Poco/Net/NetException.h>
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "support/silent_ports.h"

namespace khs::net {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

base::UniqueFd NonBlocking() {
  return base::UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

Poco::Net::SocketAddress Local(uint16_t port) { return {"127.0.0.1", port}; }

// A listener on a free port.
class Listener {
 public:
  Listener() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(socket_.get(), generic, length), 0);
    EXPECT_EQ(::listen(socket_.get(), 64), 0);
    EXPECT_EQ(::getsockname(socket_.get(), generic, &length), 0);
    port_ = ntohs(address.sin_port);
  }

  base::UniqueFd Accept() const {
    return base::UniqueFd(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }
  uint16_t port() const { return port_; }

 private:
  base::UniqueFd socket_;
  uint16_t port_ = 0;
};

class FiberSocketTest : public ::testing::Test {
 protected:
  using SocketPtr = Poco::AutoPtr<FiberSocket>;

  // Runs the loop until this job has returned.
  void Run(std::function<void()> job) {
    bool ended = false;
    loop_.Start([&] {
      loop_.SetDeadline(loop_.Now() + seconds(20));
      job();
      ended = true;
    });
    while (!ended) (void)loop_.Poll(loop_.Now() + seconds(1), microseconds(0));
  }

  // Must be called by a job.
  SocketPtr Connect() {
    SocketPtr socket(new FiberSocket(loop_, NonBlocking()));
    socket->connect(Local(listener_.port()));
    return socket;
  }
  static std::string Receive(FiberSocket& socket, int length) {
    std::string text(static_cast<size_t>(length), ' ');
    text.resize(static_cast<size_t>(socket.receiveBytes(text.data(), length, 0)));
    return text;
  }
  static void Send(const base::UniqueFd& peer, std::string_view text) {
    EXPECT_EQ(::send(peer.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  static void Reset(base::UniqueFd& peer) {
    const linger at_once{1, 0};
    ::setsockopt(peer.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    peer = {};
  }

  base::SystemClock clock_;
  Listener listener_;
  Loop loop_{clock_};
};

TEST_F(FiberSocketTest, SendsAndReceives) {
  Run([&] {
    SocketPtr socket = Connect();
    const base::UniqueFd peer = listener_.Accept();
    EXPECT_EQ(socket->sendBytes("question", 8, 0), 8);
    char question[8];
    EXPECT_EQ(::recv(peer.get(), question, 8, MSG_WAITALL), 8);
    EXPECT_EQ(std::string(question, 8), "question");
    Send(peer, "answer");
    EXPECT_EQ(Receive(*socket, 100), "answer");
  });
}

TEST_F(FiberSocketTest, OtherJobsRunWhileOneWaits) {
  std::string received;
  SocketPtr hanging;
  base::UniqueFd its_peer;
  loop_.Start([&] {
    hanging = Connect();
    its_peer = listener_.Accept();
    received = Receive(*hanging, 4);
  });
  Run([&] {
    SocketPtr socket = Connect();
    base::UniqueFd peer = listener_.Accept();
    Send(peer, "quick");
    EXPECT_EQ(Receive(*socket, 5), "quick");
  });
  EXPECT_EQ(received, "");
  Send(its_peer, "late");
  while (received.empty()) (void)loop_.Poll(loop_.Now() + seconds(1), microseconds(0));
  EXPECT_EQ(received, "late");
}

TEST_F(FiberSocketTest, SeesTheEndOfTheStreamAfterAShortRead) {
  Run([&] {
    SocketPtr socket = Connect();
    base::UniqueFd peer = listener_.Accept();
    Send(peer, "last");
    peer = {};
    std::string all;
    for (std::string part = Receive(*socket, 100); !part.empty(); part = Receive(*socket, 100)) {
      all += part;
    }
    EXPECT_EQ(all, "last");
    EXPECT_EQ(Receive(*socket, 100), "") << "it stays at its end";
  });
}

TEST_F(FiberSocketTest, ShortReadsLoseNothing) {
  Run([&] {
    SocketPtr socket = Connect();
    const base::UniqueFd peer = listener_.Accept();
    std::string all;
    for (int round = 0; round < 3; ++round) {
      Send(peer, "0123456789");
      while (all.size() < 10 * static_cast<size_t>(round + 1)) all += Receive(*socket, 3);
    }
    EXPECT_EQ(all, "012345678901234567890123456789");
  });
}

TEST_F(FiberSocketTest, AResetIsAnError) {
  Run([&] {
    SocketPtr socket = Connect();
    base::UniqueFd peer = listener_.Accept();
    Reset(peer);
    EXPECT_THROW(Receive(*socket, 10), Poco::Net::ConnectionResetException);
  });
}

TEST_F(FiberSocketTest, SendingToAClosedPeerIsAnErrorAndNoSignal) {
  Run([&] {
    SocketPtr socket = Connect();
    base::UniqueFd peer = listener_.Accept();
    Reset(peer);
    EXPECT_THROW(
        {
          for (;;) socket->sendBytes("x", 1, 0);
        },
        Poco::IOException);
  });
}

TEST_F(FiberSocketTest, ARefusedConnectIsAnError) {
  const khs::testing::ClosedPort closed;
  Run([&] {
    SocketPtr socket(new FiberSocket(loop_, NonBlocking()));
    EXPECT_THROW(socket->connect(Local(closed.port())), Poco::Net::ConnectionRefusedException);
  });
}

TEST_F(FiberSocketTest, AConnectEndsWithTheDeadline) {
  const khs::testing::FullListener full;
  Run([&] {
    loop_.SetDeadline(loop_.Now() + milliseconds(50));
    SocketPtr socket(new FiberSocket(loop_, NonBlocking()));
    EXPECT_THROW(socket->connect(Local(full.port())), Interrupted);
  });
}

TEST_F(FiberSocketTest, WaitsForSeveralConnectsAtOnce) {
  const khs::testing::FullListener full;
  Run([&] {
    SocketPtr never(new FiberSocket(loop_, NonBlocking()));
    SocketPtr soon(new FiberSocket(loop_, NonBlocking()));
    EXPECT_EQ(never->StartConnect(Local(full.port())), 0);
    Readiness* first = &never->readiness();
    EXPECT_FALSE(loop_.WaitForSockets({&first, 1}, loop_.Now() + milliseconds(20)));
    EXPECT_EQ(soon->StartConnect(Local(listener_.port())), 0);
    Readiness* const both[] = {&never->readiness(), &soon->readiness()};
    EXPECT_TRUE(loop_.WaitForSockets(both));
    EXPECT_EQ(never->readiness().possible, 0);
    EXPECT_EQ(soon->FinishConnect(), 0);
  });
}

TEST_F(FiberSocketTest, ReceivingAConstantStreamEndsWithTheDeadline) {
  Run([&] {
    SocketPtr socket = Connect();
    const base::UniqueFd peer = listener_.Accept();
    std::jthread flood([&](const std::stop_token& stop) {
      const std::string text(100'000, 'x');
      while (!stop.stop_requested() &&
             ::send(peer.get(), text.data(), text.size(), MSG_NOSIGNAL) > 0) {
      }
    });
    loop_.SetDeadline(loop_.Now() + milliseconds(100));
    EXPECT_THROW(
        {
          for (;;) Receive(*socket, 1'000);
        },
        Interrupted);
    ::shutdown(peer.get(), SHUT_RDWR);  // ends the blocked send
  });
}

TEST_F(FiberSocketTest, SendsMoreThanTheSystemBuffers) {
  const std::string much(5'000'000, 'x');
  Run([&] {
    SocketPtr socket = Connect();
    const base::UniqueFd peer = listener_.Accept();
    size_t received = 0;
    std::thread reader([&] {
      std::vector<char> part(100'000);
      while (received < much.size()) {
        const ssize_t count = ::recv(peer.get(), part.data(), part.size(), 0);
        if (count <= 0) return;
        received += static_cast<size_t>(count);
      }
    });
    EXPECT_EQ(socket->sendBytes(much.data(), static_cast<int>(much.size()), 0),
              static_cast<int>(much.size()));
    reader.join();
    EXPECT_EQ(received, much.size());
  });
}

TEST_F(FiberSocketTest, APollLeavesNoErrorsOfAnotherJob) {
  int error = -1;
  unsigned long queue = 1;
  base::UniqueFd peer;
  loop_.Start([&] {
    loop_.WaitForNotify();
    Send(peer, "x");
    ERR_raise(ERR_LIB_USER, 1);
    errno = EAGAIN;
  });
  Run([&] {
    SocketPtr socket = Connect();
    peer = listener_.Accept();
    loop_.Notify();
    EXPECT_TRUE(socket->poll({}, Poco::Net::SocketImpl::SELECT_READ));
    error = errno;
    queue = ERR_peek_error();
  });
  EXPECT_EQ(error, 0);
  EXPECT_EQ(queue, 0u);
}

TEST_F(FiberSocketTest, StopsSendingWhenThePeerRespondsInsteadOfReading) {
  const std::string much(50'000'000, 'x');
  Run([&] {
    SocketPtr socket = Connect();
    const base::UniqueFd peer = listener_.Accept();
    std::thread answer([&] {
      char some[100];
      EXPECT_GT(::recv(peer.get(), some, sizeof some, 0), 0);
      Send(peer, "no");
    });
    EXPECT_THROW(socket->sendBytes(much.data(), static_cast<int>(much.size()), 0), InputBlocksSend);
    EXPECT_EQ(Receive(*socket, 10), "no");
    answer.join();
  });
}

TEST_F(FiberSocketTest, CancelEndsAReceive) {
  bool interrupted = false;
  base::UniqueFd peer;
  Fiber* const fiber = loop_.Start([&] {
    SocketPtr socket = Connect();
    peer = listener_.Accept();
    try {
      Receive(*socket, 1);
    } catch (const Interrupted&) {
      interrupted = true;
    }
  });
  while (!peer) (void)loop_.Poll(loop_.Now() + seconds(1), microseconds(0));
  EXPECT_FALSE(interrupted);
  loop_.Cancel(fiber);
  EXPECT_TRUE(interrupted);
  char end = 0;
  EXPECT_EQ(::recv(peer.get(), &end, 1, 0), 0) << "and the socket is closed";
}

TEST_F(FiberSocketTest, DetectsInputWhileIdle) {
  SocketPtr socket;
  base::UniqueFd peer;
  Run([&] {
    socket = Connect();
    peer = listener_.Accept();
    EXPECT_FALSE(socket->HasInput());
    Send(peer, "answer");
    EXPECT_EQ(Receive(*socket, 6), "answer");
    EXPECT_FALSE(socket->HasInput()) << "all of it was read, though its buffer was full";
  });
  (void)loop_.TakeUnexpectedInput();
  (void)loop_.Poll(loop_.Now(), microseconds(0));
  EXPECT_FALSE(loop_.TakeUnexpectedInput());
  Send(peer, "unasked");
  while (!socket->readiness().unexpected_input)
    (void)loop_.Poll(loop_.Now() + seconds(1), microseconds(0));
  EXPECT_TRUE(loop_.TakeUnexpectedInput());
  EXPECT_FALSE(loop_.TakeUnexpectedInput());
  EXPECT_TRUE(socket->HasInput());
}

TEST_F(FiberSocketTest, DetectsAClosedPeer) {
  SocketPtr socket;
  base::UniqueFd peer;
  Run([&] {
    socket = Connect();
    peer = listener_.Accept();
  });
  EXPECT_FALSE(socket->HasInput());
  peer = {};
  while (!loop_.TakeUnexpectedInput()) (void)loop_.Poll(loop_.Now() + seconds(1), microseconds(0));
  EXPECT_TRUE(socket->HasInput());
}

// All events are in one batch, and each job closes the sockets of all others.
TEST_F(FiberSocketTest, AJobMayCloseASocketThatHasAnEventInTheSameBatch) {
  std::vector<SocketPtr> sockets;
  std::vector<base::UniqueFd> peers;
  Run([&] {
    for (int i = 0; i < 20; ++i) {
      sockets.push_back(Connect());
      peers.push_back(listener_.Accept());
    }
  });
  int first = -1;
  for (int i = 0; i < 20; ++i) {
    loop_.Start([&, i, socket = sockets[static_cast<size_t>(i)]]() mutable {
      Receive(*socket, 1);
      if (first < 0) first = i;
      if (first == i) sockets.clear();
    });
  }
  for (const base::UniqueFd& peer : peers) Send(peer, "x");
  while (first < 0) (void)loop_.Poll(loop_.Now() + seconds(1), microseconds(0));
  EXPECT_TRUE(sockets.empty());
}

}  // namespace
}  // namespace khs::net
