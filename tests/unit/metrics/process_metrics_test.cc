#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <condition_variable>
#include <ctime>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "metrics/registry.h"

namespace khs::metrics {
namespace {

class ProcessMetrics : public testing::Test {
 protected:
  std::optional<double> Value(const std::string& name) const {
    const std::string text = registry_.Render();
    const size_t at = text.find("\n" + name + " ");
    if (at == std::string::npos) return std::nullopt;
    return std::stod(text.substr(at + name.size() + 2));
  }
  const Registry registry_{{"1", "2", "3"}};
};

TEST_F(ProcessMetrics, CountOpenDescriptorsAndTheirLimit) {
  const double before = Value("process_open_fds").value_or(0);
  const int descriptor = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(Value("process_open_fds"), before + 1);
  ::close(descriptor);
  EXPECT_EQ(Value("process_open_fds"), before);
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(Value("process_max_fds"), static_cast<double>(limit.rlim_cur));
}

TEST_F(ProcessMetrics, CountThreads) {
  std::thread([] {}).join();  // with the first one ThreadSanitizer starts another of its own
  const double before = Value("process_threads").value_or(0);
  EXPECT_GE(before, 1);
  std::mutex mutex;
  std::condition_variable changed;
  bool runs = false;
  bool may_end = false;
  std::thread one([&] {
    std::unique_lock lock(mutex);
    runs = true;
    changed.notify_all();
    changed.wait(lock, [&] { return may_end; });
  });
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return runs; });
    EXPECT_EQ(Value("process_threads"), before + 1);
    may_end = true;
    changed.notify_all();
  }
  one.join();
}

TEST_F(ProcessMetrics, ReportCpuTimeMemoryAndStart) {
  const double cpu = Value("process_cpu_seconds_total").value_or(-1);
  EXPECT_GE(cpu, 0);
  EXPECT_GE(Value("process_cpu_seconds_total"), cpu);
  EXPECT_GT(Value("process_resident_memory_bytes"), 1 << 20);
  const auto now = static_cast<double>(std::time(nullptr));
  EXPECT_LE(Value("process_start_time_seconds"), now + 1);
  EXPECT_GT(Value("process_start_time_seconds"), now - 86'400);
}

}  // namespace
}  // namespace khs::metrics
