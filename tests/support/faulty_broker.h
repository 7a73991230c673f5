#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kafka/embedded_broker.h"

namespace khs::testing {

// An embedded broker that fails on demand. Error codes are Kafka's own; 0 is success.
class FaultyBroker : public kafka::EmbeddedBroker {
 public:
  // While it is down, the broker refuses connections.
  void SetDown(bool down);
  // Gives the partition a leader, or takes it away.
  void SetLeader(const std::string& topic, int partition, bool has_leader);

  // Each of these answers the next requests of one kind with the codes, instead of the codes that
  // were set before.
  void FailProduces(const std::vector<int>& codes);
  void FailFetches(const std::vector<int>& codes);
  void FailLogOffsets(const std::vector<int>& codes);
  void FailCommits(const std::vector<int>& codes);
  void FailCommittedOffsets(const std::vector<int>& codes);
  // The next `count` members that ask for their assignment get the code.
  void FailAssignments(int code, size_t count);
  // The next `count` producers that ask for their id get the code.
  void FailProducerIds(int code, size_t count);

 private:
  void Fail(int16_t api_key, const std::vector<int>& codes);
};

}  // namespace khs::testing
