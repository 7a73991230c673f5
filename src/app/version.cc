#include "app/version.h"

#include <fmt/format.h>

#include "app/commands.h"
#include "kafka/properties.h"

namespace khs::app {

std::string VersionText() {
  return fmt::format(
      "kafka-http-sink {} ({})\nlibrdkafka {}\nPoco {}\ntoml++ {}\nprometheus-cpp {}\n", kVersion,
      kRevision, kafka::LibraryVersion(), kPocoVersion, kTomlplusplusVersion, kPrometheusVersion);
}

}  // namespace khs::app
