#pragma once

#include <memory>
#include <string>
#include <vector>

namespace khs::kafka {

// librdkafka's mock cluster in this process: for trying things and for tests. It forgets everything
// at the end, and keeps at most 5 MB a partition.
class EmbeddedBroker {
 public:
  // Throws std::runtime_error.
  EmbeddedBroker();
  ~EmbeddedBroker();
  EmbeddedBroker(const EmbeddedBroker&) = delete;
  EmbeddedBroker& operator=(const EmbeddedBroker&) = delete;

  const std::string& bootstrap_servers() const { return bootstrap_servers_; }

  // A topic that exists already is left as it is.
  void CreateTopic(const std::string& name, int partitions);

  // For faults: the broker refuses connections until it is up again.
  void SetDown(bool down);
  // For faults: the answers to the next offset commits, as Kafka's error codes.
  void FailCommits(const std::vector<int>& codes);
  // For faults: as many of the next members that join are told nothing but this error code of
  // Kafka's when they ask what they are assigned.
  void FailAssignments(int code, size_t count);

 private:
  struct Cluster;
  std::unique_ptr<Cluster> cluster_;
  std::string bootstrap_servers_;
};

}  // namespace khs::kafka
