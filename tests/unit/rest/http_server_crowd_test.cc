#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <semaphore>
#include <string>
#include <utility>
#include <vector>

#include "base/unique_fd.h"
#include "rest/http_server.h"
#include "support/few_descriptors.h"
#include "support/few_threads.h"
#include "unit/rest/raw_client.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
// Of the sanitizer; GCC has no header for it.
extern "C" size_t __sanitizer_get_current_allocated_bytes();
#endif

namespace khs::rest {
namespace {

constexpr size_t kWanted = 10'000;
// Descriptors of the test and those that the server keeps in reserve.
constexpr size_t kOtherDescriptors = 600;

// Reduces the number to what the system allows.
size_t RaiseDescriptorLimit() {
  rlimit limit{};
  EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, kWanted + kOtherDescriptors);
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  return std::min<size_t>(kWanted, limit.rlim_cur - kOtherDescriptors);
}

// Reads a number of /proc/self/status.
size_t StatusOf(const std::string& name) {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    size_t value = 0;
    if (word == name + ":" && status >> value) return value;
  }
  ADD_FAILURE() << "no " << name;
  return 0;
}

// In KiB.
size_t MemoryInUse() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  // The resident memory would include what the sanitizer itself keeps of each thread.
  return __sanitizer_get_current_allocated_bytes() >> 10;
#else
  return StatusOf("VmRSS");
#endif
}

size_t OpenDescriptors() {
  size_t count = 0;
  for (int descriptor = 0; descriptor < static_cast<int>(kWanted + kOtherDescriptors);
       ++descriptor) {
    sockaddr_in address{};
    socklen_t length = sizeof address;
    if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length) == 0) ++count;
  }
  return count;
}

void ExpectAnswers(int port) {
  RawClient client(port);
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(client.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_EQ(client.Read().status, 200);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

// Half of the crowd sends nothing, the other half sends an incomplete request.
TEST(HttpServerCrowd, NeitherKeepsCallersOutNorCostsMuch) {
  const size_t count = RaiseDescriptorLimit();
  if (count < kWanted) std::cerr << "only " << count << " connections are possible here\n";
  const HttpServer rest("127.0.0.1", 0, [](const Request&) { return Response{}; });
  const HttpServer probes("127.0.0.1", 0, [](const Request&) { return Response{}; });
  ExpectAnswers(rest.port());

  const size_t memory = MemoryInUse();
  const size_t threads = StatusOf("Threads");
  std::vector<RawClient> crowd;
  crowd.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    crowd.emplace_back(rest.port());
    // Old connections may be closed already, but not the newest one.
    if (i % 2 == 0) (void)crowd.back().Send("POST / HTTP/1.1\r\nHost: h\r\nX-Slow");
    if (i % 500 == 0) ExpectAnswers(rest.port());
  }
  ExpectAnswers(rest.port());
  ExpectAnswers(probes.port());
  // An open connection has a thread, and a thread is not free at once after a connection ends.
  EXPECT_LE(StatusOf("Threads"), threads + Limits{}.connections + 16);
  EXPECT_LT(MemoryInUse(), memory + (40u << 10)) << "KiB";
  EXPECT_LT(OpenDescriptors(), count + 2 * Limits{}.connections);
}

// Measures the longest wait of a well-behaved caller among callers that send half a head, nothing,
// or one header at a time.
TEST(HttpServerCrowd, ServesAWellBehavedCallerWithinASecond) {
  (void)RaiseDescriptorLimit();
  const HttpServer server("127.0.0.1", 0, [](const Request&) { return Response{}; });
  const auto worst_wait = [&](size_t count, const std::string& begun, const std::string& more) {
    std::vector<RawClient> crowd;
    for (size_t i = 0; i < count; ++i) {
      crowd.emplace_back(server.port());
      (void)crowd.back().Send(begun);
    }
    std::chrono::steady_clock::duration worst{0};
    for (int i = 0; i < 20; ++i) {
      for (const RawClient& each : crowd) (void)each.Send(more);
      const auto start = std::chrono::steady_clock::now();
      const RawAnswer answer =
          AskOnce(server.port(), "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
      EXPECT_EQ(answer.status, 200);
      worst = std::max(worst, std::chrono::steady_clock::now() - start);
    }
    return worst;
  };
  const size_t memory = MemoryInUse();
  EXPECT_LT(worst_wait(300, "GET / HTTP/1.1\r\nHos", ""), std::chrono::seconds(1));
  EXPECT_LT(worst_wait(500, "", ""), std::chrono::seconds(1));
  EXPECT_LT(worst_wait(300, "GET / HTTP/1.1\r\n", "X-a: b\r\n"), std::chrono::seconds(1));
  EXPECT_LT(MemoryInUse(), memory + (40u << 10)) << "KiB";
}

// Opens all remaining descriptors of the process.
class NoDescriptors {
 public:
  NoDescriptors() {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    rlimit few = before_;
    few.rlim_cur = std::min<rlim_t>(few.rlim_cur, 512);
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    base::UniqueFd one;
    while ((one = base::UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC)))) {
      taken_.push_back(std::move(one));
    }
  }
  ~NoDescriptors() { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  rlimit before_{};
  std::vector<base::UniqueFd> taken_;
};

TEST(HttpServerShortage, EvictsIdleCallersForNewOnes) {
  const HttpServer server("127.0.0.1", 0, [](const Request&) { return Response{}; });
  RawClient idle(server.port());
  ASSERT_TRUE(idle.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_EQ(idle.Read().status, 200);
  base::UniqueFd socket = RawClient::NewSocket();
  const NoDescriptors none;
  RawClient client(server.port(), std::move(socket));
  ASSERT_TRUE(client.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_EQ(client.Read().status, 200);
  EXPECT_EQ(idle.ReadToEnd(), "");
}

TEST(HttpServerShortage, KeepsOnlyAFewCallersInTheReserve) {
  HttpServer::Options options;
  options.limits.reserved_connections = 2;
  const HttpServer server(
      "127.0.0.1", 0, [](const Request&) { return Response{}; }, std::move(options));
  std::vector<base::UniqueFd> sockets;
  for (int i = 0; i < 3; ++i) sockets.push_back(RawClient::NewSocket());
  const testing::FewDescriptors few(testing::FewDescriptors::kReserve);
  std::vector<std::unique_ptr<RawClient>> clients;
  for (base::UniqueFd& socket : sockets) {
    clients.push_back(std::make_unique<RawClient>(server.port(), std::move(socket)));
    ASSERT_TRUE(clients.back()->Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
    EXPECT_EQ(clients.back()->Read().status, 200);
  }
  EXPECT_EQ(clients[0]->ReadToEnd(), "");  // closed, although descriptors are left
  ASSERT_TRUE(clients[1]->Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_EQ(clients[1]->Read().status, 200);
}

TEST(HttpServerShortage, ServesNewCallersAfterwards) {
  std::binary_semaphore begun{0};
  std::binary_semaphore go_on{0};
  const HttpServer server("127.0.0.1", 0, [&](const Request& request) {
    if (request.path == "/slow") {
      begun.release();
      go_on.acquire();
    }
    return Response{};
  });
  RawClient served(server.port());
  ASSERT_TRUE(served.Send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n"));
  begun.acquire();
  base::UniqueFd socket = RawClient::NewSocket();
  std::optional<NoDescriptors> none(std::in_place);
  RawClient client(server.port(), std::move(socket));
  ASSERT_TRUE(client.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_FALSE(client.WaitForInput(std::chrono::milliseconds(50)));
  none.reset();
  EXPECT_EQ(client.Read().status, 200);
  go_on.release();
  EXPECT_EQ(served.Read().status, 200);
}

class HttpServerThreads : public ::testing::Test {};

// Runs in a child process that cannot start another thread.
TEST_F(HttpServerThreads, AreNotNeededForEveryCaller) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        const HttpServer server("127.0.0.1", 0, [](const Request&) { return Response{}; });
        if (!khs::testing::AllowThreads(0)) std::_Exit(khs::testing::kNotLet);
        RawClient idle(server.port());
        bool answered = idle.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n") && idle.Read().status == 200;
        // The server evicts the connection that keeps the only thread waiting.
        RawClient other(server.port());
        answered = answered && other.Send("GET / HTTP/1.1\r\nHost: h\r\n\r\n") &&
                   other.Read().status == 200 && idle.ReadToEnd().empty();
        std::_Exit(answered ? 0 : 1);
      },
      khs::testing::ExitedWell, "");
}

}  // namespace
}  // namespace khs::rest
