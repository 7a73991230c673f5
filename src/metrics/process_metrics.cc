#include "metrics/process_metrics.h"

#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>

#include "base/descriptors.h"

namespace khs::metrics {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

// The fields of /proc/self/stat after the process name, from field 3 on.
class Stat {
 public:
  Stat() {
    std::ifstream file("/proc/self/stat");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const size_t name_end = text.rfind(')');
    if (name_end == std::string::npos) return;
    std::istringstream fields(text.substr(name_end + 1));
    fields_.assign(std::istream_iterator<std::string>(fields), {});
  }
  // Field numbers as in proc(5).
  std::optional<double> Field(size_t number) const {
    if (number < 3 || number - 3 >= fields_.size()) return std::nullopt;
    return std::stod(fields_[number - 3]);
  }

 private:
  std::vector<std::string> fields_;
};

std::optional<double> CpuSeconds() {
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return std::nullopt;
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::optional<double> OpenFds() {
  const auto open = base::OpenDescriptors();
  return open ? std::optional(static_cast<double>(*open)) : std::nullopt;
}

std::optional<double> StartTime(const Stat& stat) {
  static const std::optional<double> boot = [] {
    std::ifstream file("/proc/stat");
    std::string word;
    double seconds = 0;
    while (file >> word) {
      if (word == "btime" && file >> seconds) return std::optional(seconds);
    }
    return std::optional<double>();
  }();
  const auto ticks = stat.Field(22);
  if (!boot || !ticks) return std::nullopt;
  return *boot + *ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

void Add(std::vector<MetricFamily>& families, MetricType type, const char* name, const char* help,
         std::optional<double> value) {
  if (!value) return;
  prometheus::ClientMetric metric;
  (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = *value;
  families.push_back({name, help, type, {std::move(metric)}});
}

}  // namespace

std::vector<MetricFamily> CollectProcess() {
  const Stat stat;
  auto resident = stat.Field(24);
  if (resident) *resident *= static_cast<double>(::sysconf(_SC_PAGESIZE));
  const size_t limit = base::MaxDescriptors();
  std::vector<MetricFamily> families;
  Add(families, MetricType::Counter, "process_cpu_seconds_total",
      "Processor time in user and system mode.", CpuSeconds());
  Add(families, MetricType::Gauge, "process_resident_memory_bytes", "Memory in use.", resident);
  Add(families, MetricType::Gauge, "process_open_fds", "Open file descriptors.", OpenFds());
  Add(families, MetricType::Gauge, "process_max_fds", "Most file descriptors that may be open.",
      static_cast<double>(limit));
  Add(families, MetricType::Gauge, "kafka_http_sink_file_descriptors_reserved",
      "File descriptors that are kept for listeners, definitions and state.",
      static_cast<double>(base::ReservedDescriptors(limit)));
  Add(families, MetricType::Gauge, "process_start_time_seconds", "When the process started.",
      StartTime(stat));
  Add(families, MetricType::Gauge, "process_threads", "Threads.", stat.Field(20));
  return families;
}

}  // namespace khs::metrics
