#include "kafka/embedded_broker.h"

#include <array>
#include <stdexcept>

#include "kafka/client_log.h"
#include "kafka/configuration.h"
// After librdkafka's own header, on which it insists.
#include <librdkafka/rdkafka_mock.h>

namespace khs::kafka {

struct EmbeddedBroker::Cluster {
  Cluster() {
    // The client that carries the cluster has no brokers itself, and would warn of that.
    ConfHandle conf = MakeConfiguration({{"log_level", "3"}});
    LogToOurs(conf.get());
    client = NewClient(RD_KAFKA_PRODUCER, std::move(conf), Redactor({}));
    mock = rd_kafka_mock_cluster_new(client, 1);
    if (mock == nullptr) {
      rd_kafka_destroy(client);
      throw std::runtime_error("the embedded broker cannot start: no port can be opened");
    }
  }
  ~Cluster() {
    rd_kafka_mock_cluster_destroy(mock);
    rd_kafka_destroy(client);
  }
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  rd_kafka_t* client = nullptr;
  rd_kafka_mock_cluster_t* mock = nullptr;
};

EmbeddedBroker::EmbeddedBroker()
    : cluster_(std::make_unique<Cluster>()),
      bootstrap_servers_(rd_kafka_mock_cluster_bootstraps(cluster_->mock)) {}
EmbeddedBroker::~EmbeddedBroker() = default;

void EmbeddedBroker::CreateTopic(const std::string& name, int partitions) {
  const auto code = rd_kafka_mock_topic_create(cluster_->mock, name.c_str(), partitions, 1);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
    throw std::runtime_error("cannot create topic " + name + ": " + rd_kafka_err2str(code));
  }
}

void EmbeddedBroker::SetDown(bool down) {
  if (down) {
    rd_kafka_mock_broker_set_down(cluster_->mock, 1);
  } else {
    rd_kafka_mock_broker_set_up(cluster_->mock, 1);
  }
}

void EmbeddedBroker::SetLed(const std::string& topic, int partition, bool led) {
  rd_kafka_mock_partition_set_leader(cluster_->mock, topic.c_str(), partition, led ? 1 : -1);
}

void EmbeddedBroker::Fail(int16_t request, const std::vector<int>& codes) {
  std::vector<rd_kafka_resp_err_t> errors;
  errors.reserve(codes.size());
  for (const int code : codes) errors.push_back(static_cast<rd_kafka_resp_err_t>(code));
  rd_kafka_mock_clear_request_errors(cluster_->mock, request);
  rd_kafka_mock_push_request_errors_array(cluster_->mock, request, errors.size(), errors.data());
}

// The numbers are Kafka's own of its requests.
void EmbeddedBroker::FailFetches(const std::vector<int>& codes) { Fail(1, codes); }
void EmbeddedBroker::FailLogOffsets(const std::vector<int>& codes) { Fail(2, codes); }
void EmbeddedBroker::FailCommittedOffsets(const std::vector<int>& codes) { Fail(9, codes); }
void EmbeddedBroker::FailCommits(const std::vector<int>& codes) { Fail(8, codes); }
void EmbeddedBroker::FailAssignments(int code, size_t count) {
  Fail(14, std::vector<int>(count, code));
}
void EmbeddedBroker::FailProducerIds(int code, size_t count) {
  Fail(22, std::vector<int>(count, code));
}
void EmbeddedBroker::FailProduces(const std::vector<int>& codes) { Fail(0, codes); }

}  // namespace khs::kafka
