#include "metrics/connector_metrics.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <memory>
#include <optional>
#include <string>

#include "metrics/registry.h"

namespace khs::metrics {
namespace {

class ConnectorMetricsTest : public testing::Test {
 protected:
  std::unique_ptr<ConnectorMetrics> Make(const std::string& name) {
    return std::make_unique<ConnectorMetrics>(
        registry_, ConnectorMetrics::Identity{name, "connect-" + name, "host:80", "file"});
  }
  bool Shows(const std::string& line) {
    return registry_.Render().find("kafka_http_sink_" + line + "\n") != std::string::npos;
  }
  Registry registry_{{"1.2.3", "abc", "2.0.2"}};
};

TEST_F(ConnectorMetricsTest, StartAtZero) {
  const auto metrics = Make("c");
  for (
      const char* line : {
          R"(tasks_stopped{connector="c"} 0)",
          R"(task_stops_total{connector="c",reason="strategy"} 0)",
          R"(responses_without_indicator_total{connector="c"} 0)",
          R"(retries_total{connector="c",reason="dns"} 0)",
          R"(requests_total{code_class="none",connector="c"} 0)",
          R"(request_duration_seconds_count{connector="c"} 0)",
          R"(connector_state{connector="c",state="running"} 0)",
          R"(connector_info{connector="c",group="connect-c",origin="file",target_host="host:80"} 1)",
      }) {
    EXPECT_TRUE(Shows(line)) << line;
  }
}

TEST_F(ConnectorMetricsTest, AreRemovedWithTheirConnectorOnly) {
  auto gone = Make("gone");
  const auto stays = Make("stays");
  gone->AddTopic("t");
  gone->KafkaError("_TRANSPORT", false);
  stays->AddTopic("t");
  gone.reset();
  const std::string text = registry_.Render();
  EXPECT_EQ(text.find("\"gone\""), std::string::npos);
  EXPECT_TRUE(Shows(R"(records_delivered_total{connector="stays",topic="t"} 0)"));
}

TEST_F(ConnectorMetricsTest, CountDroppedRecordsOfEachTopicFromZero) {
  const auto metrics = Make("c");
  metrics->AddTopic("a");
  metrics->AddTopic("b");
  EXPECT_TRUE(Shows(R"(records_dropped_total{connector="c",reason="tombstone",topic="a"} 0)"));
  metrics->Dropped("b", delivery::DropReason::kResponseError, std::chrono::seconds(1));
  EXPECT_TRUE(Shows(R"(records_dropped_total{connector="c",reason="response_error",topic="a"} 0)"));
  EXPECT_TRUE(Shows(R"(records_dropped_total{connector="c",reason="response_error",topic="b"} 1)"));
}

TEST_F(ConnectorMetricsTest, CountRequestsByClass) {
  const auto metrics = Make("c");
  for (const int status : {200, 204, 302, 404, 503}) {
    metrics->Requested(delivery::HttpReply{status, {}, {}}, std::chrono::milliseconds(2));
  }
  metrics->Requested(delivery::RequestFault{}, std::chrono::seconds(1));
  EXPECT_TRUE(Shows(R"(requests_total{code_class="2xx",connector="c"} 2)"));
  EXPECT_TRUE(Shows(R"(requests_total{code_class="3xx",connector="c"} 1)"));
  EXPECT_TRUE(Shows(R"(requests_total{code_class="4xx",connector="c"} 1)"));
  EXPECT_TRUE(Shows(R"(requests_total{code_class="5xx",connector="c"} 1)"));
  EXPECT_TRUE(Shows(R"(requests_total{code_class="none",connector="c"} 1)"));
  EXPECT_TRUE(Shows(R"(request_duration_seconds_bucket{connector="c",le="0.0025"} 5)"));
}

TEST_F(ConnectorMetricsTest, ShowOneStateAtATime) {
  const auto metrics = Make("c");
  metrics->SetState(connect::RunState::kRunning);
  metrics->SetState(connect::RunState::kFailed);
  EXPECT_TRUE(Shows(R"(connector_state{connector="c",state="failed"} 1)"));
  EXPECT_TRUE(Shows(R"(connector_state{connector="c",state="running"} 0)"));
}

TEST_F(ConnectorMetricsTest, TrackActiveTopics) {
  const auto metrics = Make("c");
  metrics->AddTopic("assigned");
  EXPECT_TRUE(metrics->ActiveTopics().empty());
  metrics->Consumed("b", 1);
  metrics->Consumed("a", 1);
  metrics->Consumed("a", 1);
  metrics->Delivered("assigned", std::chrono::seconds(1), {});
  EXPECT_EQ(metrics->ActiveTopics(), (std::vector<std::string>{"a", "b"}));
}

TEST_F(ConnectorMetricsTest, ResetActiveTopicsOnly) {
  const auto metrics = Make("c");
  metrics->Consumed("a", 1);
  metrics->Consumed("b", 1);
  metrics->ResetActiveTopics();
  EXPECT_TRUE(metrics->ActiveTopics().empty());
  metrics->Consumed("b", 1);
  EXPECT_EQ(metrics->ActiveTopics(), (std::vector<std::string>{"b"}));
  EXPECT_TRUE(Shows(R"(records_consumed_total{connector="c",topic="a"} 1)"));
  EXPECT_TRUE(Shows(R"(records_consumed_total{connector="c",topic="b"} 2)"));
}

TEST_F(ConnectorMetricsTest, HaveBrokerErrorSeriesAtZero) {
  const auto metrics = Make("c");
  EXPECT_TRUE(Shows(R"(kafka_errors_total{code="_TRANSPORT",connector="c",fatal="false"} 0)"));
  metrics->KafkaError("_TRANSPORT", false);
  metrics->KafkaError("_TRANSPORT", true);
  EXPECT_TRUE(Shows(R"(kafka_errors_total{code="_TRANSPORT",connector="c",fatal="false"} 1)"));
  EXPECT_TRUE(Shows(R"(kafka_errors_total{code="_TRANSPORT",connector="c",fatal="true"} 1)"));
}

TEST_F(ConnectorMetricsTest, ShowALagOnlyWhileItIsKnown) {
  const auto metrics = Make("c");
  metrics->SetLag({"t", 3}, 7);
  EXPECT_TRUE(Shows(R"(consumer_lag_records{connector="c",partition="3",topic="t"} 7)"));
  metrics->SetLag({"t", 3}, 0);
  EXPECT_TRUE(Shows(R"(consumer_lag_records{connector="c",partition="3",topic="t"} 0)"));
  metrics->SetLag({"t", 3}, std::nullopt);
  metrics->SetLag({"t", 4}, std::nullopt);
  EXPECT_EQ(registry_.Render().find("consumer_lag_records{"), std::string::npos);
}

// A thousand connectors come and go and leave no series and no memory.
TEST_F(ConnectorMetricsTest, LeaveNothingBehindAfterManyConnectors) {
  const auto cycle = [this](int number) {
    const auto metrics = Make("c" + std::to_string(number));
    for (const char* topic : {"a", "b"}) metrics->Consumed(topic, 1);
    metrics->SetLag({"a", 0}, 1);
    metrics->KafkaError("CODE" + std::to_string(number), true);
    ConnectorMetrics::Identity moved{"c" + std::to_string(number), "g", "other:80", "rest"};
    metrics->SetIdentity(moved);
    EXPECT_NE(registry_.Render().find("target_host=\"other:80\""), std::string::npos);
  };
  const std::string before = registry_.Render();
  for (int number = 0; number < 100; ++number) cycle(number);
  const auto in_use = ::mallinfo2().uordblks;
  for (int number = 100; number < 1100; ++number) cycle(number);
  EXPECT_LT(::mallinfo2().uordblks, in_use + 64 * 1024);
  const auto without_process = [](const std::string& text) {
    return text.substr(0, text.find("# HELP process_"));
  };
  EXPECT_EQ(without_process(registry_.Render()), without_process(before));
}

TEST_F(ConnectorMetricsTest, CountUnknownRestMethodsAsOther) {
  registry_.RestRequested("GET", 200);
  registry_.RestRequested("GET", 200);
  registry_.RestRequested("PUT", 409);
  registry_.RestRequested("BREW", 405);
  registry_.RestRequested("get", 405);
  EXPECT_TRUE(Shows(R"(rest_requests_total{code="200",method="GET"} 2)"));
  EXPECT_TRUE(Shows(R"(rest_requests_total{code="409",method="PUT"} 1)"));
  EXPECT_TRUE(Shows(R"(rest_requests_total{code="405",method="other"} 2)"));
}

TEST_F(ConnectorMetricsTest, CountRestRequestsFromZero) {
  EXPECT_TRUE(Shows(R"(rest_requests_total{code="200",method="GET"} 0)"));
  EXPECT_TRUE(Shows(R"(rest_requests_total{code="201",method="POST"} 0)"));
}

TEST_F(ConnectorMetricsTest, EscapeNamesInLabels) {
  const auto metrics = Make("a\"b\\c\n# TYPE x counter");
  EXPECT_TRUE(Shows(R"(tasks_stopped{connector="a\"b\\c\n# TYPE x counter"} 0)"));
  EXPECT_EQ(registry_.Render().find("\n# TYPE x"), std::string::npos);
}

TEST_F(ConnectorMetricsTest, NameTheBuild) {
  EXPECT_TRUE(Shows(R"(build_info{librdkafka="2.0.2",revision="abc",version="1.2.3"} 1)"));
}

}  // namespace
}  // namespace khs::metrics
