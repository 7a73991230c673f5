#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "rest/http_server.h"
#include "unit/rest/raw_client.h"

namespace khs::rest {
namespace {

constexpr size_t kWanted = 10'000;
// The test's own, and those that the server keeps.
constexpr size_t kOtherDescriptors = 600;

// As many as the system allows of what is wanted.
size_t RaiseDescriptorLimit() {
  rlimit limit{};
  EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, kWanted + kOtherDescriptors);
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  return std::min<size_t>(kWanted, limit.rlim_cur - kOtherDescriptors);
}

// A number of /proc/self/status.
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

// One half of the crowd says nothing, the other one begins and does not go on.
TEST(HttpServerCrowd, NeitherKeepsCallersOutNorCostsMuch) {
  const size_t count = RaiseDescriptorLimit();
  if (count < kWanted) std::cerr << "only " << count << " connections are possible here\n";
  const HttpServer rest("127.0.0.1", 0, [](const Request&) { return Response{}; });
  const HttpServer probes("127.0.0.1", 0, [](const Request&) { return Response{}; });
  ExpectAnswers(rest.port());

  const size_t memory = StatusOf("VmRSS");
  const size_t threads = StatusOf("Threads");
  std::vector<RawClient> crowd;
  crowd.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    crowd.emplace_back(rest.port());
    // Those who came long ago may have been closed already, the one who came now not yet.
    if (i % 2 == 0) (void)crowd.back().Send("POST / HTTP/1.1\r\nHost: h\r\nX-Slow");
    if (i % 500 == 0) ExpectAnswers(rest.port());
  }
  ExpectAnswers(rest.port());
  ExpectAnswers(probes.port());
  EXPECT_EQ(StatusOf("Threads"), threads);
  EXPECT_LT(StatusOf("VmRSS"), memory + (48u << 10)) << "KiB";
  EXPECT_LT(OpenDescriptors(), count + 2 * Limits{}.connections);
}

}  // namespace
}  // namespace khs::rest
