#pragma once

#include <memory>
#include <string>

struct rd_kafka_mock_cluster_s;

namespace khs::kafka {

// librdkafka's mock cluster with one broker, in this process. For the demo, for --embedded-broker
// and for tests. Keeps everything in memory, at most 5 MB a partition. Owned by the command. Any
// thread.
class EmbeddedBroker {
 public:
  // Throws std::runtime_error.
  EmbeddedBroker();
  ~EmbeddedBroker();
  EmbeddedBroker(const EmbeddedBroker&) = delete;
  EmbeddedBroker& operator=(const EmbeddedBroker&) = delete;

  const std::string& bootstrap_servers() const { return bootstrap_servers_; }

  // Does nothing when the topic exists.
  void CreateTopic(const std::string& name, int partitions);

 protected:
  rd_kafka_mock_cluster_s* mock_cluster() const;

 private:
  struct Cluster;
  std::unique_ptr<Cluster> cluster_;
  std::string bootstrap_servers_;
};

}  // namespace khs::kafka
