#include "kafka/cluster.h"

#include <algorithm>
#include <memory>
#include <string>

#include "kafka/admin_client.h"

namespace khs::kafka {
namespace {

using std::chrono::milliseconds;

// librdkafka's wait cannot be interrupted, so it is split into waits of this length.
constexpr milliseconds kStopCheckInterval{100};

// 0 when they cannot be counted.
size_t CountBrokers(rd_kafka_t* client, milliseconds timeout) {
  // This wait cannot be interrupted either, and a broker has just answered.
  timeout = std::min(timeout, milliseconds(500));
  const rd_kafka_metadata_t* metadata = nullptr;
  const auto code =
      rd_kafka_metadata(client, 0, nullptr, &metadata, static_cast<int>(timeout.count()));
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return 0;
  const auto count = static_cast<size_t>(metadata->broker_cnt);
  rd_kafka_metadata_destroy(metadata);
  return count;
}

base::Expected<Cluster, AdminFailure> AskForCluster(const AdminClient& client, Deadline deadline,
                                                    const std::stop_token& stop) {
  const auto release = [&client](char* text) { rd_kafka_mem_free(client.handle(), text); };
  do {
    const milliseconds wait = std::min(TimeLeft(deadline), kStopCheckInterval);
    const std::unique_ptr<char, decltype(release)> id(
        rd_kafka_clusterid(client.handle(), static_cast<int>(wait.count())), release);
    if (id) {
      return Cluster{std::string(id.get()), CountBrokers(client.handle(), TimeLeft(deadline))};
    }
  } while (!stop.stop_requested() && std::chrono::steady_clock::now() < deadline);
  return AdminClient::Fail({RD_KAFKA_RESP_ERR__TIMED_OUT, client.WhyNoAnswer()});
}

}  // namespace

base::Expected<Cluster, AdminError> DescribeCluster(const Properties& properties,
                                                    milliseconds timeout,
                                                    const std::stop_token& stop) {
  return CallWithClient<Cluster>(ClientLogContext({}, properties), properties, timeout,
                                 [&stop](const AdminClient& client, Deadline deadline) {
                                   return AskForCluster(client, deadline, stop);
                                 });
}

}  // namespace khs::kafka
