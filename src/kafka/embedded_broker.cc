#include "kafka/embedded_broker.h"

#include <stdexcept>

#include "kafka/client_log.h"
#include "kafka/configuration.h"
// It must come after rdkafka.h.
#include <librdkafka/rdkafka_mock.h>

namespace khs::kafka {

struct EmbeddedBroker::Cluster {
  Cluster() {
    // The client that runs the cluster would warn that it has no brokers itself.
    ConfHandle conf = MakeConfiguration({{"log_level", "3"}});
    SetLogCallback(conf.get());
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

rd_kafka_mock_cluster_s* EmbeddedBroker::mock_cluster() const { return cluster_->mock; }

}  // namespace khs::kafka
