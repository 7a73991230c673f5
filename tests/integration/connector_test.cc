// A whole connector between librdkafka's mock cluster and a scripted endpoint.

#include "reconcile/connector.h"

#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>

#include "http/destination.h"
#include "http/endpoint_client.h"
#include "kafka/consumer.h"
#include "kafka/log_end_offsets.h"
#include "kafka/producer.h"
#include "metrics/registry.h"
#include "support/faulty_broker.h"
#include "support/scripted_endpoint.h"

namespace khs {
namespace {

using namespace std::chrono_literals;
using testing::Answer;
using testing::Request;
using testing::ScriptedEndpoint;

const auto kSuccess = [](const Request&) { return Answer::Of(200, R"({"retry":false})"); };

std::string RecordId(const Request& request) {
  return *request.Header("X-Kafka-Partition") + "@" + *request.Header("X-Kafka-Offset");
}

class ConnectorOnMockCluster : public ::testing::Test {
 protected:
  void Listen(ScriptedEndpoint::Script script) {
    endpoint_ = std::make_unique<ScriptedEndpoint>(std::move(script));
  }
  void Start(int partitions, config::ConnectorConfig config = {}) {
    broker_.CreateTopic("t", partitions);
    config.name = "c";
    config.subscription.topics = {"t"};
    config.subscription.group = "connect-c";
    config.endpoint.url = endpoint_->Url("/in");
    config.endpoint.read_timeout = 5s;
    config.offset_flush_interval = 100ms;
    // The mock cluster keeps a member until its session expires, even when the member has left.
    config.subscription.consumer_properties["session.timeout.ms"] = "6000";
    config_ = config;
    Start();
  }
  void Start() {
    connector_ = std::make_unique<reconcile::Connector>(config_, connections_, clock_, metrics_,
                                                        false, [this] {
                                                          const std::lock_guard lock(mutex_);
                                                          changed_.notify_all();
                                                        });
  }
  void Stop() {
    connector_->RequestStop(10s);
    EXPECT_TRUE(AwaitEnd());  // the destructor would abort requests in flight
    connector_.reset();
  }
  void Produce(int count, int partition, size_t bytes = 10) {
    kafka::Producer producer({{"bootstrap.servers", broker_.bootstrap_servers()}});
    for (int i = 0; i < count; ++i) producer.Produce("t", partition, "k", std::string(bytes, 'x'));
    ASSERT_TRUE(producer.Flush(30s));
  }
  // Waits until that many different records were delivered.
  bool AwaitDelivered(size_t count) {
    std::set<std::string> delivered;
    for (size_t seen = 0; delivered.size() < count;) {
      if (!endpoint_->WaitForRequests(seen + 1, 60s)) return false;
      const std::vector<Request> requests = endpoint_->Requests();
      for (; seen < requests.size(); ++seen) delivered.insert(RecordId(requests[seen]));
    }
    return true;
  }
  long CommitCount(const std::string& outcome) {
    const std::string text = registry_.Render();
    const std::string series = R"(offset_commits_total{connector="c",outcome=")" + outcome + "\"} ";
    const size_t at = text.find(series);
    return at == std::string::npos ? -1 : std::stol(text.substr(at + series.size()));
  }
  // Waits until the group has committed this offset of partition 0. The mock cluster cannot list a
  // group's offsets, so a client of the same group asks.
  bool AwaitCommitted(int64_t offset) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", broker_.bootstrap_servers().c_str(), nullptr, 0);
    rd_kafka_conf_set(conf, "group.id", "connect-c", nullptr, 0);
    const std::unique_ptr<rd_kafka_t, decltype(&rd_kafka_destroy)> client(
        rd_kafka_new(RD_KAFKA_CONSUMER, conf, nullptr, 0), &rd_kafka_destroy);
    const std::unique_ptr<rd_kafka_topic_partition_list_t,
                          decltype(&rd_kafka_topic_partition_list_destroy)>
        list(rd_kafka_topic_partition_list_new(1), &rd_kafka_topic_partition_list_destroy);
    rd_kafka_topic_partition_list_add(list.get(), "t", 0);
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (std::chrono::steady_clock::now() < deadline) {
      const auto code = rd_kafka_committed(client.get(), list.get(), 10'000);
      if (code == RD_KAFKA_RESP_ERR_NO_ERROR && list->elems[0].offset == offset) return true;
    }
    return false;
  }
  bool AwaitReady() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 60s, [&] { return !connector_->unready(); });
  }
  // Waits until the metric has this value, or does not exist when `records` is negative.
  bool AwaitLag(int partition, long records) {
    const std::string series = "consumer_lag_records{connector=\"c\",partition=\"" +
                               std::to_string(partition) + "\",topic=\"t\"} ";
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (std::chrono::steady_clock::now() < deadline) {
      const std::string text = registry_.Render();
      const size_t at = text.find(series);
      if (at == std::string::npos ? records < 0
                                  : std::stol(text.substr(at + series.size())) == records) {
        return true;
      }
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, 20ms);  // no event tells of a change
    }
    return false;
  }
  bool AwaitEnd() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 30s, [&] { return connector_->ended(); });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  const base::SystemClock clock_;
  metrics::Registry registry_{{"0", "0", "0"}};
  metrics::ConnectorMetrics metrics_{registry_, {"c", "connect-c", "h", "file"}};
  testing::FaultyBroker broker_;
  kafka::LogEndOffsets log_end_offsets_{100ms};
  std::unique_ptr<ScriptedEndpoint> endpoint_;
  config::ConnectorConfig config_;
  const reconcile::Connections connections_{
      [this](const config::ConnectorConfig& c, int) {
        kafka::Properties properties = c.subscription.consumer_properties;
        properties["bootstrap.servers"] = broker_.bootstrap_servers();
        return std::make_unique<kafka::Consumer>(
            kafka::Subscription{c.subscription.topics, c.subscription.topics_regex,
                                c.subscription.group},
            properties, log_end_offsets_.Open(properties));
      },
      [this](const config::ConnectorConfig& c) {
        return std::make_unique<http::EndpointClient>(c.name, clock_);
      },
      [](const config::ConnectorConfig& c, const task::Route* before) {
        return task::Route{
            std::make_shared<request::Builder>(
                c.endpoint, request::Identity{c.name, c.subscription.group}, c.policy.null_values),
            http::MakeDestination(c.endpoint,
                                  before != nullptr ? before->destination.get() : nullptr)};
      },
      [](const config::ConnectorConfig&, int) { return nullptr; }};
  std::unique_ptr<reconcile::Connector> connector_;
};

// A partition without a leader must not block the others of the assignment.
TEST_F(ConnectorOnMockCluster, DeliversFromAPartitionThatGetsItsLeaderLater) {
  Listen(kSuccess);
  broker_.CreateTopic("t", 2);
  for (const int partition : {0, 1}) Produce(5, partition);
  broker_.SetLeader("t", 1, false);
  Start(2);
  EXPECT_TRUE(AwaitDelivered(5));
  for (const Request& request : endpoint_->Requests()) {
    EXPECT_EQ(request.Header("X-Kafka-Partition"), "0");
  }
  broker_.SetLeader("t", 1, true);
  EXPECT_TRUE(AwaitDelivered(10));
  Stop();
}

TEST_F(ConnectorOnMockCluster, DeliversEveryRecordOfEveryPartitionInOrder) {
  Listen(kSuccess);
  Start(4);
  for (int partition = 0; partition < 4; ++partition) Produce(250, partition);
  ASSERT_TRUE(endpoint_->WaitForRequests(1000, 60s));
  Stop();
  std::map<std::string, int64_t> next;
  for (const Request& request : endpoint_->Requests()) {
    EXPECT_EQ(std::stoll(*request.Header("X-Kafka-Offset")),
              next[*request.Header("X-Kafka-Partition")]++);
  }
  EXPECT_EQ(endpoint_->RequestCount(), 1000u);
}

TEST_F(ConnectorOnMockCluster, RepeatsNothingAfterAGracefulStop) {
  Listen(kSuccess);
  Start(1);
  Produce(500, 0);
  ASSERT_TRUE(endpoint_->WaitForRequests(100, 60s));
  Stop();
  Start();
  ASSERT_TRUE(endpoint_->WaitForRequests(500, 60s));
  Stop();
  std::set<std::string> delivered;
  for (const Request& request : endpoint_->Requests()) {
    EXPECT_TRUE(delivered.insert(RecordId(request)).second) << RecordId(request) << " twice";
  }
  EXPECT_EQ(delivered.size(), 500u);
}

TEST_F(ConnectorOnMockCluster, LosesAndRepeatsNothingWhenBackPressurePausesPartitions) {
  Listen(kSuccess);
  config::ConnectorConfig config;
  config.policy.queue_max_bytes = 256 * 1024;
  Start(2, config);
  Produce(600, 0, 1000);
  Produce(600, 1, 1000);
  ASSERT_TRUE(endpoint_->WaitForRequests(1200, 60s));
  Stop();
  std::map<std::string, int64_t> next;
  for (const Request& request : endpoint_->Requests()) {
    EXPECT_EQ(std::stoll(*request.Header("X-Kafka-Offset")),
              next[*request.Header("X-Kafka-Partition")]++);
  }
  EXPECT_EQ(endpoint_->RequestCount(), 1200u);
}

TEST_F(ConnectorOnMockCluster, StopsByItsStrategyAndStartsAgainAtThatRecord) {
  std::atomic<bool> fixed{false};
  Listen([&](const Request& request) {
    const bool bad = *request.Header("X-Kafka-Offset") == "3" && !fixed;
    return bad ? Answer::Of(500) : Answer::Of(200, R"({"retry":false})");
  });
  config::ConnectorConfig config;
  config.policy.strategy = delivery::Strategy::kStopTask;
  Start(1, config);
  Produce(10, 0);
  ASSERT_TRUE(AwaitEnd());
  connector_->Observe();
  EXPECT_NE(registry_.Render().find(R"(kafka_http_sink_tasks_stopped{connector="c"} 1)"),
            std::string::npos);
  EXPECT_EQ(endpoint_->RequestCount(), 4u);
  fixed = true;
  connector_.reset();
  Start();
  ASSERT_TRUE(endpoint_->WaitForRequests(11, 60s));
  const auto requests = endpoint_->Requests();
  EXPECT_EQ(RecordId(requests[4]), "0@3");
  EXPECT_EQ(RecordId(requests[10]), "0@9");
}

TEST_F(ConnectorOnMockCluster, ContinuesWhenTheBrokerComesBack) {
  Listen(kSuccess);
  Start(1);
  Produce(10, 0);
  ASSERT_TRUE(endpoint_->WaitForRequests(10, 60s));
  broker_.SetDown(true);
  broker_.SetDown(false);
  Produce(10, 0);
  EXPECT_TRUE(endpoint_->WaitForRequests(20, 60s));
}

TEST_F(ConnectorOnMockCluster, RetriesRejectedCommitsAndRejoinsWhenItIsNoLongerAMember) {
  Listen(kSuccess);
  Start(1);
  Produce(10, 0);
  ASSERT_TRUE(AwaitDelivered(10));
  size_t produced = 10;
  for (const int code : {/* REBALANCE_IN_PROGRESS */ 27, /* NOT_COORDINATOR */ 16,
                         /* ILLEGAL_GENERATION */ 22, /* UNKNOWN_MEMBER_ID */ 25}) {
    broker_.FailCommits({code});
    Produce(10, 0);
    ASSERT_TRUE(AwaitDelivered(produced += 10)) << code;
  }
  EXPECT_GT(CommitCount("failed"), 0);
  // This commit covers all records.
  Produce(1, 0);
  ASSERT_TRUE(AwaitDelivered(produced += 1));
  ASSERT_TRUE(AwaitCommitted(51));  // it commits only when it is a member again
  Stop();
  const size_t before = endpoint_->RequestCount();
  Start();
  Produce(1, 0);
  ASSERT_TRUE(endpoint_->WaitForRequests(before + 1, 60s));
  EXPECT_EQ(RecordId(endpoint_->Requests()[before]), "0@51");
}

TEST_F(ConnectorOnMockCluster, ResumesAPausedPartitionAfterARebalance) {
  std::atomic<bool> fixed{false};
  Listen([&](const Request& request) {
    const bool bad = *request.Header("X-Kafka-Offset") == "0" && !fixed;
    return Answer::Of(200, bad ? R"({"retry":true})" : R"({"retry":false})");
  });
  config::ConnectorConfig config;
  config.policy.queue_max_bytes = 64 * 1024;
  config.policy.retry_backoff = delivery::Backoff(std::vector<delivery::Milliseconds>(1000, 200ms));
  Start(1, config);
  Produce(200, 0, 1000);
  // The retries block the backlog behind them, so the partition is paused.
  ASSERT_TRUE(endpoint_->WaitForRequests(3, 60s));
  // A second member joins. The first gives its partition back, and one of them gets it.
  auto first = std::move(connector_);
  Start();
  ASSERT_TRUE(AwaitReady());
  fixed = true;
  std::set<std::string> delivered;
  for (size_t seen = 0; delivered.size() < 200;) {
    ASSERT_TRUE(endpoint_->WaitForRequests(seen + 1, 30s)) << delivered.size() << " of 200";
    const std::vector<Request> requests = endpoint_->Requests();
    seen = requests.size();
    for (const Request& request : requests) delivered.insert(RecordId(request));
  }
}

TEST_F(ConnectorOnMockCluster, StopsInTimeWhenTheBrokerIsDown) {
  Listen(kSuccess);
  Start(1);
  config_.offset_flush_interval = 60s;
  Produce(100, 0);
  ASSERT_TRUE(endpoint_->WaitForRequests(100, 60s));
  broker_.SetDown(true);
  const auto start = std::chrono::steady_clock::now();
  connector_->RequestStop(4s);
  connector_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - start, 20s);
}

TEST_F(ConnectorOnMockCluster, RunsSeveralTasksInOneGroup) {
  Listen(kSuccess);
  config::ConnectorConfig config;
  config.tasks_max = 2;
  Start(4, config);
  // The rebalance when the second joins may repeat records, so none is produced before.
  ASSERT_TRUE(AwaitReady());
  for (int partition = 0; partition < 4; ++partition) Produce(50, partition);
  ASSERT_TRUE(endpoint_->WaitForRequests(200, 60s));
  std::set<std::string> delivered;
  for (const Request& request : endpoint_->Requests()) delivered.insert(RecordId(request));
  EXPECT_EQ(delivered.size(), 200u);
}

TEST_F(ConnectorOnMockCluster, SwitchesTheEndpointWithoutLeavingTheGroup) {
  Listen(kSuccess);
  ScriptedEndpoint second(kSuccess);
  Start(2);
  Produce(10, 0);
  ASSERT_TRUE(endpoint_->WaitForRequests(10, 60s));
  const std::string line = R"(rebalances_total{connector="c"} 1)";
  EXPECT_NE(registry_.Render().find(line), std::string::npos);
  config::ConnectorConfig changed = config_;
  changed.endpoint.url = second.Url("/new");
  connector_->Apply(changed, reconcile::Compare(config_, changed));
  Produce(10, 1);
  ASSERT_TRUE(second.WaitForRequests(10, 60s));
  EXPECT_EQ(endpoint_->RequestCount(), 10u);
  EXPECT_NE(registry_.Render().find(line), std::string::npos);
  Stop();
}

TEST_F(ConnectorOnMockCluster, ReportsTheLagOfRunningAndPausedPartitions) {
  std::atomic<bool> fixed{false};
  Listen([&](const Request& request) {
    const bool good = *request.Header("X-Kafka-Offset") < "3" || fixed;
    return Answer::Of(200, good ? R"({"retry":false})" : R"({"retry":true})");
  });
  config::ConnectorConfig config;
  config.policy.retry_backoff = delivery::Backoff(std::vector<delivery::Milliseconds>(1000, 200ms));
  Start(2, config);
  ASSERT_TRUE(AwaitReady());
  EXPECT_TRUE(AwaitLag(1, 0));  // empty
  Produce(9, 0);
  EXPECT_TRUE(AwaitLag(0, 6));  // three are delivered, and committed
  connector_->SetPaused(true);
  Produce(5, 0);
  Produce(7, 1);
  EXPECT_TRUE(AwaitLag(0, 11));
  EXPECT_TRUE(AwaitLag(1, 7));  // the start was committed at once
  fixed = true;
  connector_->SetPaused(false);
  EXPECT_TRUE(AwaitLag(0, 0));
  EXPECT_TRUE(AwaitLag(1, 0));
  Stop();
  EXPECT_TRUE(AwaitLag(0, -1));
}

}  // namespace
}  // namespace khs
