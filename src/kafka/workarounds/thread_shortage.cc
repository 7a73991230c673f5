#include "kafka/workarounds/thread_shortage.h"

#include <algorithm>
#include <mutex>
#include <string>
#include <system_error>

#include "base/threads.h"

namespace khs::kafka {
namespace {

// The threads that a client starts at once, and those of some brokers that it learns of later.
size_t CountThreads(rd_kafka_conf_t* conf) {
  constexpr size_t kInternal = 3;  // the main thread and two internal brokers
  constexpr size_t kLearnedBrokers = 8;
  size_t size = 0;
  if (rd_kafka_conf_get(conf, "bootstrap.servers", nullptr, &size) != RD_KAFKA_CONF_OK) size = 1;
  std::string brokers(size, ',');
  (void)rd_kafka_conf_get(conf, "bootstrap.servers", brokers.data(), &size);
  const auto commas = std::count(brokers.begin(), brokers.end(), ',');
  return kInternal + kLearnedBrokers + static_cast<size_t>(commas) + 1;
}

}  // namespace

rd_kafka_t* NewClientWithThreads(rd_kafka_type_t type, rd_kafka_conf_t* conf, char* error,
                                 size_t error_size) {
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  if (const std::error_code failed = base::TryThreads(CountThreads(conf))) {
    throw std::system_error(failed);
  }
  return rd_kafka_new(type, conf, error, error_size);
}

}  // namespace khs::kafka
