#pragma once

#include <cstdint>
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
  // For faults: whether the partition has a leader.
  void SetLed(const std::string& topic, int partition, bool led);
  // For faults: the answers to the next requests of these kinds, as Kafka's error codes, instead of
  // those that were set before.
  void FailFetches(const std::vector<int>& codes);
  void FailCommittedOffsets(const std::vector<int>& codes);
  void FailLogOffsets(const std::vector<int>& codes);
  // For faults: the answers to the next offset commits, as Kafka's error codes.
  void FailCommits(const std::vector<int>& codes);
  // For faults: as many of the next members that join are told nothing but this error code of
  // Kafka's when they ask what they are assigned.
  void FailAssignments(int code, size_t count);
  // For faults: so many of the next producers that ask for their id get this error code instead.
  void FailProducerIds(int code, size_t count);
  // For faults: the answers to the next produce requests, as Kafka's error codes; 0 is success.
  void FailProduces(const std::vector<int>& codes);

 private:
  struct Cluster;
  void Fail(int16_t request, const std::vector<int>& codes);

  std::unique_ptr<Cluster> cluster_;
  std::string bootstrap_servers_;
};

}  // namespace khs::kafka
