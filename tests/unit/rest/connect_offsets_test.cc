#include <gmock/gmock.h>

#include <string>

#include "unit/rest/connect_fixture.h"

namespace khs::rest {
namespace {

using connect::CallError;
using connect::TargetState;

constexpr const char* kPath = "/connectors/orders/offsets";
constexpr const char* kNotStopped =
    "Connectors must be in the STOPPED state before their offsets can be modified. This can be "
    "done for the specified connector by issuing a 'PUT' request to the '/connectors/orders/stop' "
    "endpoint";

class ConnectOffsetsTest : public ConnectTest {
 protected:
  FakeWorker::Connector& AddStopped() {
    FakeWorker::Connector& orders = Add("orders");
    orders.target = TargetState::kStopped;
    return orders;
  }
};

TEST_F(ConnectOffsetsTest, AreShownInAnyState) {
  Add("orders").offsets = {{"a", 0, 5}, {"a", 1, 7'000'000'000}, {"b", 0, std::nullopt}};
  EXPECT_THAT(Ask("GET", kPath),
              Answers(200, R"({"offsets":[{"partition":{"kafka_partition":0,"kafka_topic":"a"},)"
                           R"("offset":{"kafka_offset":5}},{"partition":{"kafka_partition":1,)"
                           R"("kafka_topic":"a"},"offset":{"kafka_offset":7000000000}}]})"));
  EXPECT_THAT(Ask("GET", "/connectors/x/offsets"), Fails(404, "Connector x not found"));
  worker_.refuse = {CallError::Kind::kUnavailable, "no broker answers", {}};
  EXPECT_THAT(Ask("GET", kPath), Fails(503, "no broker answers"));
}

TEST_F(ConnectOffsetsTest, AreAltered) {
  FakeWorker::Connector& orders = AddStopped();
  EXPECT_THAT(Ask("PATCH", kPath,
                  R"({"offsets":[{"partition":{"kafka_topic":"a","kafka_partition":0},)"
                  R"("offset":{"kafka_offset":5}},{"partition":{"kafka_topic":"a",)"
                  R"("kafka_partition":"1"},"offset":{"kafka_offset":"6"}},)"
                  R"({"partition":{"kafka_topic":"b","kafka_partition":0},"offset":null},)"
                  R"({"partition":{"kafka_topic":"c","kafka_partition":0}}]})"),
              Answers(200, R"({"message":"The offsets for this connector have been altered )"
                           R"(successfully"})"));
  ASSERT_EQ(orders.offsets.size(), 4u);
  EXPECT_EQ(orders.offsets[0].offset, 5);
  EXPECT_EQ(orders.offsets[1].partition, 1);
  EXPECT_EQ(orders.offsets[1].offset, 6);
  EXPECT_EQ(orders.offsets[2].offset, std::nullopt);
  EXPECT_EQ(orders.offsets[3].topic, "c");
  EXPECT_EQ(orders.offsets[3].offset, std::nullopt);
}

TEST_F(ConnectOffsetsTest, AreReset) {
  FakeWorker::Connector& orders = AddStopped();
  orders.offsets = {{"a", 0, 5}};
  EXPECT_THAT(
      Ask("DELETE", kPath),
      Answers(200, R"({"message":"The offsets for this connector have been reset successfully"})"));
  EXPECT_TRUE(orders.offsets.empty());
  EXPECT_THAT(Ask("DELETE", "/connectors/x/offsets"), Fails(404, "Connector x not found"));
}

TEST_F(ConnectOffsetsTest, AreRejectedInKafkaConnectsOrder) {
  const std::string empty = "Partitions / offsets need to be provided for an alter offsets request";
  for (const char* body : {"{}", R"({"offsets":null})", R"({"offsets":[]})"}) {
    EXPECT_THAT(Ask("PATCH", kPath, body), Fails(400, empty)) << body;
  }
  const std::string bad = R"({"offsets":[{}]})";
  EXPECT_THAT(Ask("PATCH", kPath, bad), Fails(404, "Connector orders not found"));
  Add("orders");
  EXPECT_THAT(Ask("PATCH", kPath, bad), Fails(400, kNotStopped));
  EXPECT_THAT(Ask("DELETE", kPath), Fails(400, kNotStopped));
  worker_.connectors.at("orders").target = TargetState::kStopped;
  EXPECT_THAT(Ask("PATCH", kPath, bad),
              Fails(400, "The partition for a sink connector offset cannot be null or missing"));
}

TEST_F(ConnectOffsetsTest, ReportWhatIsInvalid) {
  AddStopped();
  const std::string keys =
      "The partition for a sink connector offset must contain the keys 'kafka_topic' and "
      "'kafka_partition'";
  const auto partition = [](const std::string& value) {
    return "Failed to parse the following Kafka partition value in the provided offsets: '" +
           value + "'. Partition values for sink connectors need to be integers.";
  };
  const auto offset = [](const std::string& value) {
    return "Failed to parse the following Kafka offset value in the provided offsets: '" + value +
           "'. Offset values for sink connectors need to be integers.";
  };
  const std::string good = R"({"partition":{"kafka_topic":"a","kafka_partition":0},"offset":)";
  const struct {
    std::string entry;
    std::string message;
  } cases[] = {
      {R"({"partition":null})",
       "The partition for a sink connector offset cannot be null or missing"},
      {R"({"partition":{}})", keys},
      {R"({"partition":{"kafka_topic":"a"}})", keys},
      {R"({"partition":{"kafka_partition":1}})", keys},
      {R"({"partition":{"kafka_topic":null,"kafka_partition":1}})",
       "Kafka topic names must be valid strings and may not be null"},
      {R"({"partition":{"kafka_topic":"a","kafka_partition":null}})",
       "Kafka partitions must be valid numbers and may not be null"},
      {R"({"partition":{"kafka_topic":"a","kafka_partition":"x"}})", partition("x")},
      {R"({"partition":{"kafka_topic":"a","kafka_partition":1.5}})", partition("1.5")},
      {R"({"partition":{"kafka_topic":"a","kafka_partition":-1}})", partition("-1")},
      {R"({"partition":{"kafka_topic":"a","kafka_partition":3000000000}})",
       partition("3000000000")},
      {R"({"partition":{"kafka_topic":"a","kafka_partition":{}}})", partition("{...}")},
      {R"({"partition":{"kafka_topic":"a","kafka_partition":true}})", partition("true")},
      {good + "{}}",
       "The offset for a sink connector should either be null or contain the key 'kafka_offset'"},
      {good + R"({"kafka_offset":null}})", offset("null")},
      {good + R"({"kafka_offset":"5x"}})", offset("5x")},
      {good + R"({"kafka_offset":-2}})", offset("-2")},
      {good + R"({"kafka_offset":[]}})", offset("{...}")},
      {good + "5}", "Cannot deserialize value: partition and offset are objects"},
      {"5", "Cannot deserialize value of offsets: an object is expected"},
      {R"({"x":1})", "Unrecognized field \\\"x\\\""},
  };
  for (const auto& one : cases) {
    EXPECT_THAT(Ask("PATCH", kPath, R"({"offsets":[)" + one.entry + "]}"), Fails(400, one.message))
        << one.entry;
  }
  EXPECT_TRUE(worker_.connectors.at("orders").offsets.empty());
}

TEST_F(ConnectOffsetsTest, NeedAValidBody) {
  AddStopped();
  const std::string good =
      R"({"offsets":[{"partition":{"kafka_topic":"a","kafka_partition":0},"offset":null}]})";
  std::string other = good;
  other.replace(other.find("offsets"), 7, "offsets\\u0000x");
  for (const std::string& body : {"1" + good, good + "\xff{", good + " x", other}) {
    EXPECT_EQ(Ask("PATCH", kPath, body).status, 400) << body;
  }
  for (const char* body :
       {"", "null", "[]", "{", R"({"offsets":{}})", R"({"x":[]})", "{\"offsets\":\"\xff\"}",
        R"({"offsets":[]} x)", R"({"offsets\u0000x":[]})"}) {
    const Response response = Ask("PATCH", kPath, body, {{"content-type", "application/json"}});
    EXPECT_EQ(response.status, 400) << body;
    EXPECT_EQ(response.body.find(R"({"error_code":400,"message":")"), 0u) << response.body;
  }
}

TEST_F(ConnectOffsetsTest, AreNotChangedWhileTheGroupIsActive) {
  AddStopped();
  const auto text = [](const std::string& verb) {
    return "Failed to " + verb +
           " consumer group offsets for connector orders either because its tasks haven't stopped "
           "completely yet or the connector was resumed before the request to " +
           verb +
           " its offsets could be successfully completed. If the connector is in a stopped state, "
           "this operation can be safely retried.";
  };
  worker_.refuse = {CallError::Kind::kStillActive, {}, {}};
  EXPECT_THAT(Ask("DELETE", kPath), Fails(500, text("reset")));
  worker_.refuse = {CallError::Kind::kStillActive, {}, {}};
  EXPECT_THAT(
      Ask("PATCH", kPath, R"({"offsets":[{"partition":{"kafka_topic":"a","kafka_partition":0}}]})"),
      Fails(500, text("alter")));
  worker_.refuse = {CallError::Kind::kInvalid, "there is no partition 7 of a", {}};
  EXPECT_THAT(
      Ask("PATCH", kPath, R"({"offsets":[{"partition":{"kafka_topic":"a","kafka_partition":7}}]})"),
      Fails(400, "there is no partition 7 of a"));
}

TEST_F(ConnectOffsetsTest, NeedValidTopicNames) {
  AddStopped();
  for (const std::string& topic : {std::string(), std::string("."), std::string(".."),
                                   std::string("a\\n"), std::string("\u00fc"), std::string("a b"),
                                   std::string(250, 'x'), std::string(70'000, 'x')}) {
    const Response response =
        Ask("PATCH", kPath,
            R"({"offsets":[{"partition":{"kafka_partition":0,"kafka_topic":")" + topic + "\"}}]}");
    EXPECT_EQ(response.status, 400) << topic;
    EXPECT_THAT(response.body, ::testing::HasSubstr("is not a legal topic name"));
    EXPECT_LT(response.body.size(), 1000u);
  }
}

TEST_F(ConnectOffsetsTest, RejectDuplicatePartitions) {
  FakeWorker::Connector& orders = AddStopped();
  const std::string entry = R"({"partition":{"kafka_topic":"a","kafka_partition":)";
  EXPECT_THAT(Ask("PATCH", kPath,
                  R"({"offsets":[)" + entry + "7}}," + entry + "8}}," + entry + "\"7\"}}]}"),
              Fails(400, "The partition 7 of the topic a is given twice: keep one of them"));
  EXPECT_TRUE(orders.offsets.empty());
}

TEST_F(ConnectOffsetsTest, AreTenThousandAtMostPerRequest) {
  FakeWorker::Connector& orders = AddStopped();
  const auto body = [](int count) {
    std::string text = R"({"offsets":[)";
    for (int i = 0; i < count; ++i) {
      text += (i == 0 ? "" : ",") + std::string(R"({"partition":{"kafka_topic":"a",)") +
              R"("kafka_partition":)" + std::to_string(i) + R"(},"offset":{"kafka_offset":1}})";
    }
    return text + "]}";
  };
  EXPECT_EQ(Ask("PATCH", kPath, body(10'000)).status, 200);
  EXPECT_EQ(orders.offsets.size(), 10'000u);
  EXPECT_THAT(Ask("PATCH", kPath, body(10'001)),
              Fails(400, "At most 10000 offsets are allowed per request, but there are 10001"));
}

// As a tree, these values would need 360 times the body's size.
TEST_F(ConnectOffsetsTest, RejectBodiesOfTooManyValuesEarly) {
  std::string text = R"({"offsets":[{})";
  for (int i = 0; i < 300'000; ++i) text += ",{}";
  EXPECT_THAT(Ask("PATCH", kPath, text + "]}"),
              Fails(400, "At most 100000 values are allowed (line 1, column 300007)"));
}

}  // namespace
}  // namespace khs::rest
