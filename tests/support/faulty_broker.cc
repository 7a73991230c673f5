#include "support/faulty_broker.h"

#include <librdkafka/rdkafka.h>
// It must come after rdkafka.h.
#include <librdkafka/rdkafka_mock.h>

namespace khs::testing {
namespace {

// Kafka's numbers of its requests.
constexpr int16_t kProduce = 0;
constexpr int16_t kFetch = 1;
constexpr int16_t kListOffsets = 2;
constexpr int16_t kOffsetCommit = 8;
constexpr int16_t kOffsetFetch = 9;
constexpr int16_t kSyncGroup = 14;
constexpr int16_t kInitProducerId = 22;

}  // namespace

void FaultyBroker::SetDown(bool down) {
  if (down) {
    rd_kafka_mock_broker_set_down(mock_cluster(), 1);
  } else {
    rd_kafka_mock_broker_set_up(mock_cluster(), 1);
  }
}

void FaultyBroker::SetLeader(const std::string& topic, int partition, bool has_leader) {
  rd_kafka_mock_partition_set_leader(mock_cluster(), topic.c_str(), partition, has_leader ? 1 : -1);
}

void FaultyBroker::Fail(int16_t api_key, const std::vector<int>& codes) {
  std::vector<rd_kafka_resp_err_t> errors;
  errors.reserve(codes.size());
  for (const int code : codes) errors.push_back(static_cast<rd_kafka_resp_err_t>(code));
  rd_kafka_mock_clear_request_errors(mock_cluster(), api_key);
  rd_kafka_mock_push_request_errors_array(mock_cluster(), api_key, errors.size(), errors.data());
}

void FaultyBroker::FailProduces(const std::vector<int>& codes) { Fail(kProduce, codes); }
void FaultyBroker::FailFetches(const std::vector<int>& codes) { Fail(kFetch, codes); }
void FaultyBroker::FailLogOffsets(const std::vector<int>& codes) { Fail(kListOffsets, codes); }
void FaultyBroker::FailCommits(const std::vector<int>& codes) { Fail(kOffsetCommit, codes); }
void FaultyBroker::FailCommittedOffsets(const std::vector<int>& codes) {
  Fail(kOffsetFetch, codes);
}
void FaultyBroker::FailAssignments(int code, size_t count) {
  Fail(kSyncGroup, std::vector<int>(count, code));
}
void FaultyBroker::FailProducerIds(int code, size_t count) {
  Fail(kInitProducerId, std::vector<int>(count, code));
}

}  // namespace khs::testing
