#include <gmock/gmock.h>

#include <chrono>
#include <string>

#include "unit/rest/connect_fixture.h"

namespace khs::rest {
namespace {

using connect::TargetState;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ConnectLifecycleTest : public ConnectTest {};

TEST_F(ConnectLifecycleTest, ShowsConnectorAndTasksLikeKafkaConnect) {
  FakeWorker::Connector& orders = Add("orders");
  orders.config["tasks.max"] = "2";
  orders.failed = {1};
  orders.file = "/c/orders.toml";
  orders.generation = 3;
  EXPECT_THAT(
      Ask("GET", "/connectors/orders/status"),
      Answers(200,
              R"({"name":"orders","connector":{"state":"RUNNING","worker_id":"127.0.0.1:8083"},)"
              R"("tasks":[{"id":0,"state":"RUNNING","worker_id":"127.0.0.1:8083"},)"
              R"({"id":1,"state":"FAILED","worker_id":"127.0.0.1:8083","trace":"boom"}],)"
              R"("type":"sink","origin":"file","file":"/c/orders.toml","generation":3,)"
              R"("observed_generation":3})"));
  EXPECT_THAT(Ask("GET", "/connectors/x/status"), Fails(404, "No status found for connector x"));
}

TEST_F(ConnectLifecycleTest, ShowsWhyADefinitionIsInvalid) {
  Add("orders").trace = "orders.toml:1:1: error: topics: x";
  EXPECT_THAT(Ask("GET", "/connectors/orders/status").body,
              HasSubstr(R"("connector":{"state":"FAILED","worker_id":"127.0.0.1:8083",)"
                        R"("trace":"orders.toml:1:1: error: topics: x"},"tasks":[])"));
}

TEST_F(ConnectLifecycleTest, EscapesATraceThatIsNotUtf8) {
  Add("orders").trace = "HTTP 500: \xff\xfe";
  const Response response = Ask("GET", "/connectors/orders/status");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body.find('\xff'), std::string::npos);
}

TEST_F(ConnectLifecycleTest, ShowsTheLastErrorOfARecord) {
  FakeWorker::Connector& orders = Add("orders");
  connect::RecordErrors& errors = orders.errors;
  errors.retries = 12;
  errors.dropped = 3;
  const base::WallTime time{std::chrono::milliseconds(1'769'940'000'123)};
  errors.last = {time, "t", 2, 42, 6, 422, "retries_exhausted", "dropped", "HTTP 422: \"no\""};
  EXPECT_THAT(
      Ask("GET", "/connectors/orders/status").body,
      HasSubstr(R"("observed_generation":1,"errors":{"retries":12,"dropped":3,"last":)"
                R"({"time":"2026-02-01T10:00:00.123Z","topic":"t","partition":2,"offset":42,)"
                R"("attempts":6,"status":422,"reason":"retries_exhausted","outcome":"dropped",)"
                R"("error":"HTTP 422: \"no\""}}})"));
  errors.last->http_status.reset();
  EXPECT_THAT(Ask("GET", "/connectors/orders/status").body,
              HasSubstr(R"("attempts":6,"reason":"retries_exhausted")"));
}

TEST_F(ConnectLifecycleTest, ShowsATask) {
  FakeWorker::Connector& orders = Add("orders");
  orders.failed = {0};
  EXPECT_THAT(
      Ask("GET", "/connectors/orders/tasks/0/status"),
      Answers(200, R"({"id":0,"state":"FAILED","worker_id":"127.0.0.1:8083","trace":"boom"})"));
  EXPECT_THAT(Ask("GET", "/connectors/orders/tasks/9/status"),
              Fails(404, "No status found for task orders-9"));
  EXPECT_THAT(Ask("GET", "/connectors/orders/tasks/-1/status"),
              Fails(404, "No status found for task orders--1"));
  EXPECT_THAT(Ask("GET", "/connectors/x/tasks/0/status"),
              Fails(404, "No status found for task x-0"));
}

TEST_F(ConnectLifecycleTest, AcceptsOnlyIntegersAsTaskIds) {
  Add("orders");
  for (const char* task : {"x", "0x0", "1.0", "99999999999", "-", "+", "+-1", "%20", "0%00"}) {
    const std::string path = std::string("/connectors/orders/tasks/") + task;
    EXPECT_THAT(Ask("GET", path + "/status"), Fails(404, "HTTP 404 Not Found")) << task;
    EXPECT_THAT(Ask("POST", path + "/restart"), Fails(404, "HTTP 404 Not Found")) << task;
  }
}

TEST_F(ConnectLifecycleTest, PausesResumesAndStops) {
  Add("orders");
  const struct {
    const char* method;
    const char* action;
    int status;
    TargetState target;
  } cases[] = {
      {"PUT", "pause", 202, TargetState::kPaused},   {"PUT", "pause", 202, TargetState::kPaused},
      {"PUT", "resume", 202, TargetState::kStarted}, {"GET", "pause", 202, TargetState::kPaused},
      {"GET", "resume", 202, TargetState::kStarted}, {"PUT", "stop", 204, TargetState::kStopped},
      {"PUT", "stop", 204, TargetState::kStopped}};
  for (const auto& one : cases) {
    EXPECT_THAT(Ask(one.method, std::string("/connectors/orders/") + one.action),
                Answers(one.status, ""));
    EXPECT_EQ(worker_.connectors.at("orders").target, one.target) << one.action;
    EXPECT_THAT(Ask(one.method, std::string("/connectors/x/") + one.action),
                Fails(404, "Unknown connector x"));
  }
  EXPECT_EQ(Ask("GET", "/connectors/orders/stop").status, 405);
  EXPECT_THAT(Ask("GET", "/connectors/orders/status").body, HasSubstr(R"("tasks":[])"));
}

TEST_F(ConnectLifecycleTest, RestartsWhatHasFailedByDefault) {
  FakeWorker::Connector& orders = Add("orders");
  for (const char* query : {"", "?includeTasks=false", "?onlyFailed=yes&includeTasks=1"}) {
    orders.failed = {0};
    EXPECT_THAT(Ask("POST", std::string("/connectors/orders/restart") + query), Answers(204, ""));
    EXPECT_THAT(orders.failed, ElementsAre()) << query;
  }
  EXPECT_THAT(Ask("POST", "/connectors/x/restart"), Fails(404, "Unknown connector: x"));
}

TEST_F(ConnectLifecycleTest, ShowsWhatRestarts) {
  FakeWorker::Connector& orders = Add("orders");
  orders.config["tasks.max"] = "2";
  orders.failed = {1};
  const Response failed =
      Ask("POST", "/connectors/orders/restart?includeTasks=TRUE&onlyFailed=true");
  EXPECT_EQ(failed.status, 202);
  EXPECT_THAT(failed.body, HasSubstr(R"("connector":{"state":"RUNNING",)"));
  EXPECT_THAT(failed.body, HasSubstr(R"({"id":0,"state":"RUNNING",)"));
  EXPECT_THAT(failed.body, HasSubstr(R"({"id":1,"state":"RESTARTING",)"));
  const Response all = Ask("POST", "/connectors/orders/restart?includeTasks=true");
  EXPECT_THAT(all.body, HasSubstr(R"("connector":{"state":"RESTARTING",)"));
  EXPECT_THAT(all.body, HasSubstr(R"({"id":0,"state":"RESTARTING",)"));
  const Response connector = Ask("POST", "/connectors/orders/restart?onlyFailed=true");
  EXPECT_EQ(connector.status, 202);
  EXPECT_THAT(connector.body, HasSubstr(R"({"id":0,"state":"RUNNING",)"));
  EXPECT_THAT(Ask("POST", "/connectors/x/restart?includeTasks=true"),
              Fails(404, "Unknown connector: x"));
}

TEST_F(ConnectLifecycleTest, RestartsATask) {
  FakeWorker::Connector& orders = Add("orders");
  orders.failed = {0};
  EXPECT_THAT(Ask("POST", "/connectors/orders/tasks/0/restart"), Answers(204, ""));
  EXPECT_THAT(orders.failed, ElementsAre());
  EXPECT_THAT(Ask("POST", "/connectors/orders/tasks/9/restart"),
              Fails(404, "Unknown task: orders-9"));
  EXPECT_THAT(Ask("POST", "/connectors/x/tasks/0/restart"), Fails(404, "Unknown connector: x"));
}

TEST_F(ConnectLifecycleTest, ShowsAndResetsActiveTopics) {
  Add("orders").topics = {"a", "b"};
  EXPECT_THAT(Ask("GET", "/connectors/orders/topics"),
              Answers(200, R"({"orders":{"topics":["a","b"]}})"));
  EXPECT_THAT(Ask("PUT", "/connectors/orders/topics/reset"), Answers(202, ""));
  EXPECT_THAT(Ask("GET", "/connectors/orders/topics"), Answers(200, R"({"orders":{"topics":[]}})"));
  EXPECT_THAT(Ask("GET", "/connectors/x/topics"), Answers(200, R"({"x":{"topics":[]}})"));
  EXPECT_THAT(Ask("PUT", "/connectors/x/topics/reset"), Answers(202, ""));
}

}  // namespace
}  // namespace khs::rest
