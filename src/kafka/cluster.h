#pragma once

#include <chrono>
#include <cstddef>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "kafka/admin_error.h"
#include "kafka/properties.h"

namespace khs::kafka {

// The identity and the size of a Kafka cluster.
struct Cluster {
  std::string id;
  size_t brokers = 0;  // 0 when they could not be counted
};

// Asks the brokers, with a client of its own. Blocks for about `timeout`; a stop ends the wait
// within 100 ms. Throws nothing. Any thread.
base::Expected<Cluster, AdminError> DescribeCluster(const Properties& properties,
                                                    std::chrono::milliseconds timeout,
                                                    const std::stop_token& stop = {});

}  // namespace khs::kafka
