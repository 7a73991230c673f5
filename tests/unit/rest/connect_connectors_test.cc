#include <gmock/gmock.h>

#include <string>
#include <tuple>

#include "unit/rest/connect_fixture.h"

namespace khs::rest {
namespace {

using connect::CallError;
using connect::TargetState;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kInfo =
    R"({"name":"orders","config":{"callback.request.url":"http://h/","name":"orders","topics":"a"},)"
    R"("tasks":[{"connector":"orders","task":0}],"type":"sink"})";
constexpr const char* kNewInfo =
    R"({"name":"orders","config":{"callback.request.url":"http://h/","name":"orders","topics":"a"},)"
    R"("tasks":[],"type":"sink"})";
constexpr const char* kBareConfig = R"({"callback.request.url":"http://h/","topics":"a"})";

class ConnectConnectorsTest : public ConnectTest {
 protected:
  static std::string Create(const std::string& name, const std::string& config) {
    return R"({"name":)" + name + R"(,"config":)" + config + '}';
  }
};

TEST_F(ConnectConnectorsTest, AreListedByName) {
  EXPECT_THAT(Ask("GET", "/connectors"), Answers(200, "[]"));
  Add("b");
  Add("a\"");
  EXPECT_THAT(Ask("GET", "/connectors"), Answers(200, R"(["a\"","b"])"));
}

TEST_F(ConnectConnectorsTest, AreListedWithExpandedParts) {
  Add("orders");
  const std::string status =
      R"({"name":"orders","connector":{"state":"RUNNING","worker_id":"127.0.0.1:8083"},)"
      R"("tasks":[{"id":0,"state":"RUNNING","worker_id":"127.0.0.1:8083"}],"type":"sink",)"
      R"("origin":"rest","generation":1,"observed_generation":1})";
  EXPECT_THAT(Ask("GET", "/connectors?expand=status&expand=info"),
              Answers(200, R"({"orders":{"status":)" + status + R"(,"info":)" + kInfo + "}}"));
  EXPECT_THAT(Ask("GET", "/connectors?expand=info"),
              Answers(200, std::string(R"({"orders":{"info":)") + kInfo + "}}"));
  EXPECT_THAT(Ask("GET", "/connectors?expand=status"),
              Answers(200, R"({"orders":{"status":)" + status + "}}"));
  EXPECT_THAT(Ask("GET", "/connectors?expand=status,info"), Answers(200, R"({"orders":{}})"));
  EXPECT_THAT(Ask("GET", "/connectors?expand=x"), Answers(200, R"({"orders":{}})"));
  worker_.connectors.clear();
  EXPECT_THAT(Ask("GET", "/connectors?expand=info"), Answers(200, "{}"));
}

TEST_F(ConnectConnectorsTest, AreCreatedWithTheirLocation) {
  const Response response = Ask("POST", "/connectors", Create(R"("orders")", kBareConfig));
  EXPECT_THAT(response, Answers(201, kNewInfo));
  EXPECT_EQ(response.headers.at("Location"), "http://10.1.1.1:80/connectors/orders");
  EXPECT_EQ(worker_.connectors.at("orders").config, kGoodConfig);
}

TEST_F(ConnectConnectorsTest, KeepNumbersAsWritten) {
  const std::string sent =
      R"({"callback.request.url":"http://h/","topics":"a","request.delay.sec":1.0,)"
      R"("retry.after.max.sec":1e2,"forward.kafka.headers":true})";
  const connect::ConfigMap shown = {{"callback.request.url", "http://h/"},
                                    {"name", "orders"},
                                    {"topics", "a"},
                                    {"request.delay.sec", "1.0"},
                                    {"retry.after.max.sec", "1e2"},
                                    {"forward.kafka.headers", "true"}};
  EXPECT_EQ(Ask("POST", "/connectors", Create(R"("orders")", sent)).status, 201);
  EXPECT_EQ(worker_.connectors.at("orders").config, shown);
  EXPECT_EQ(Ask("PUT", "/connectors/orders/config", sent).status, 200);
  EXPECT_EQ(worker_.connectors.at("orders").config, shown);
  const Response patched =
      Ask("PATCH", "/connectors/orders/config", R"({"request.delay.sec":-0.00})");
  EXPECT_EQ(patched.status, 200);
  EXPECT_THAT(patched.body, HasSubstr(R"("request.delay.sec":"-0.00")"));
  EXPECT_THAT(Ask("PUT", "/connectors/orders/config",
                  R"({"callback.request.url":"http://h/","topics":"a",)"
                  R"("delivery.queue.max.bytes":12345678901234567890})")
                  .body,
              HasSubstr("Invalid value 12345678901234567890 for configuration"));
  EXPECT_THAT(Ask("PUT", "/connector-plugins/HttpSink/config/validate", sent).body,
              HasSubstr(R"("value":"1e2")"));
}

TEST_F(ConnectConnectorsTest, AreReadInUtf16AndAfterAByteOrderMark) {
  const std::string body = Create(R"("orders")", kBareConfig);
  std::string utf16 = "\xff\xfe";
  for (const char c : body) (utf16 += c) += '\0';
  for (const std::string& one : {"\xef\xbb\xbf" + body, utf16, utf16.substr(2)}) {
    worker_.connectors.clear();
    EXPECT_THAT(Ask("POST", "/connectors", one), Answers(201, kNewInfo));
  }
}

TEST_F(ConnectConnectorsTest, HaveALocationThatLeadsToThem) {
  const struct {
    std::string name;
    const char* segment;
  } cases[] = {{"a/b c", "a%2Fb%20c"},
               {"..", "%2E%2E"},
               {"\xF0\x9F\x98\x80", "%F0%9F%98%80"},
               {"a+%b", "a%2B%25b"},
               {"x.y-z_~", "x.y-z_~"}};
  for (const auto& one : cases) {
    const Response response = Ask("POST", "/connectors", Create('"' + one.name + '"', kBareConfig));
    ASSERT_EQ(response.status, 201) << response.body;
    EXPECT_EQ(response.headers.at("Location"),
              std::string("http://10.1.1.1:80/connectors/") + one.segment);
    EXPECT_EQ(Ask("GET", std::string("/connectors/") + one.segment).status, 200);
  }
  api_.scheme = "https";
  const Response response = Send("POST", "/connectors", Create(R"("n")", kBareConfig),
                                 {{"content-type", "application/json"}, {"host", "a b"}}, true);
  EXPECT_EQ(response.headers.at("Location"), "https://127.0.0.1:8083/connectors/n");
}

TEST_F(ConnectConnectorsTest, AreCreatedWithTrimmedNames) {
  EXPECT_EQ(Ask("POST", "/connectors", Create(R"(" orders\t")", kBareConfig)).status, 201);
  EXPECT_TRUE(worker_.connectors.contains("orders"));
  EXPECT_EQ(Ask("PUT", "/connectors/%20orders/config", kBareConfig).status, 201);
  EXPECT_TRUE(worker_.connectors.contains(" orders"));
}

TEST_F(ConnectConnectorsTest, StartInTheInitialState) {
  const struct {
    const char* state;
    TargetState target;
  } cases[] = {{R"("RUNNING")", TargetState::kStarted},
               {R"("paused")", TargetState::kPaused},
               {R"("Stopped")", TargetState::kStopped},
               {"null", TargetState::kStarted}};
  for (const auto& one : cases) {
    worker_.connectors.clear();
    const std::string body = R"({"name":"n","initial_state":)" + std::string(one.state) +
                             R"(,"config":)" + kBareConfig + '}';
    EXPECT_EQ(Ask("POST", "/connectors", body).status, 201) << one.state;
    EXPECT_EQ(worker_.connectors.at("n").target, one.target) << one.state;
  }
  EXPECT_THAT(
      Ask("POST", "/connectors", R"({"name":"m","initial_state":"FAILED","config":{}})"),
      Fails(400,
            "Invalid value FAILED for initial_state: String must be one of: RUNNING, PAUSED, "
            "STOPPED"));
}

TEST_F(ConnectConnectorsTest, TakeNumbersAndBooleansAsStrings) {
  ASSERT_EQ(Ask("POST", "/connectors",
                Create(R"("n")", R"({"topics":"a","callback.request.url":"http://h/",)"
                                 R"("tasks.max":2,"forward.kafka.headers":true,)"
                                 R"("request.delay.sec":0.5})"))
                .status,
            201);
  const connect::ConfigMap& config = worker_.connectors.at("n").config;
  EXPECT_EQ(config.at("tasks.max"), "2");
  EXPECT_EQ(config.at("forward.kafka.headers"), "true");
  EXPECT_EQ(config.at("request.delay.sec"), "0.5");
}

TEST_F(ConnectConnectorsTest, AreRejectedInKafkaConnectsOrder) {
  Add("n");
  // Everything is invalid at first, and one problem less each time.
  EXPECT_THAT(
      Ask("POST", "/connectors",
          Create(R"("n")", R"({"name":"m","connector.class":"X","tasks.max":"0"})")),
      Fails(400, "Connector name configuration (m) doesn't match connector name in the URL (n)"));
  EXPECT_THAT(
      Ask("POST", "/connectors", Create(R"("n")", R"({"connector.class":"X","tasks.max":"0"})")),
      Fails(400,
            "Failed to find any class that implements Connector and which name matches X, "
            "available connectors are: HttpSink, HttpSinkConnector, "
            "nz.ac.auckland.kafka.http.sink.HttpSinkConnector"));
  EXPECT_THAT(
      Ask("POST", "/connectors",
          Create(R"("n")", R"({"topics":"a","callback.request.url":"http://h/","tasks.max":"0"})")),
      Fails(400,
            "Connector configuration is invalid and contains the following 1 error(s):\\n"
            "Invalid value 0 for configuration tasks.max: Value must be at least 1\\n"
            "You can also find the above list of errors at the endpoint "
            "`/connector-plugins/{connectorType}/config/validate`"));
  EXPECT_THAT(Ask("POST", "/connectors", Create(R"("n")", kBareConfig)),
              Fails(409, "Connector n already exists"));
}

TEST_F(ConnectConnectorsTest, SayWhatToUseInsteadOfTheKeysOfOtherSinks) {
  Add("n");
  const std::string keys =
      R"("http.url":"http://h/","http.timeout":"5","topics":"a","what":"ever"})";
  const std::string advice =
      R"(\nhttp.url: Unknown key of Aiven's HTTP sink: use callback.request.url instead)"
      R"(\nhttp.timeout: Unknown key of Aiven's HTTP sink: use callback.timeout.read.ms instead; )"
      R"(in milliseconds, not in seconds")";
  for (const std::string name : {"io.aiven.kafka.connect.http.HttpSinkConnector", "com.Other"}) {
    const std::string config = R"({"connector.class":")" + name + "\"," + keys;
    for (const auto& [method, target, body] :
         {std::tuple("POST", "/connectors", Create(R"("m")", config)),
          std::tuple("PUT", "/connectors/m/config", config),
          std::tuple("PATCH", "/connectors/n/config", config)}) {
      const auto answer = Ask(method, target, body);
      EXPECT_EQ(answer.status, 400) << method;
      EXPECT_THAT(answer.body, HasSubstr("which name matches " + name)) << method;
      EXPECT_THAT(answer.body, HasSubstr(advice)) << method;
    }
  }
}

TEST_F(ConnectConnectorsTest, NeedANameOnCreation) {
  EXPECT_THAT(
      Ask("POST", "/connectors", R"({"config":{"name":"x"}})"),
      Fails(400, "Connector name configuration (x) doesn't match connector name in the URL ()"));
  EXPECT_THAT(Ask("POST", "/connectors", Create("null", kBareConfig)).body,
              HasSubstr("Invalid value  for configuration name: String may not be empty"));
  EXPECT_THAT(Ask("POST", "/connectors", Create(R"("a\u0007")", kBareConfig)).status, 400);
  EXPECT_TRUE(worker_.connectors.empty());
}

TEST_F(ConnectConnectorsTest, AcceptEverySpellingOfTheirClass) {
  for (const char* name :
       {"HttpSink", "HttpSinkConnector", "nz.ac.auckland.kafka.http.sink.HttpSinkConnector"}) {
    const std::string config = R"({"callback.request.url":"http://h/","topics":"a",)"
                               R"("connector.class":")" +
                               std::string(name) + "\"}";
    EXPECT_EQ(Ask("PUT", "/connectors/n/config", config).status,
              worker_.connectors.contains("n") ? 200 : 201)
        << name;
    EXPECT_EQ(worker_.connectors.at("n").config.at("connector.class"), name);
  }
  EXPECT_EQ(Ask("PUT", "/connectors/n/config", R"({"connector.class":""})").status, 400);
}

TEST_F(ConnectConnectorsTest, RejectInvalidDefinitions) {
  const struct {
    const char* body;
    const char* message;
  } cases[] = {
      {"", "Not valid JSON"},
      {"null", "A JSON object is expected (line 1, column 1)"},
      {"[]", "A JSON object is expected"},
      {"\"x\"", "A JSON object is expected"},
      {"{", "Not valid JSON"},
      {"{\"name\":\"n\",\n \"config\":{]}", "(line 2, column "},
      {R"({"name":"n"})", "config: Missing"},
      {R"({"name":"n","config":null})", "config: Must be an object"},
      {R"({"name":"n","config":[]})", "config: Must be an object"},
      {R"({"name":{},"config":{}})", "name: Must be a string (line 1, column 2)"},
      {R"({"name":"n","config":{"a":{"b":1}}})", "a: A value must be a string"},
      {R"({"name":"n","config":{"a":[1]}})", "a: A value must be a string"},
      {R"({"name":"n","config":{},"x":1})", "x: Unrecognized field"},
      {R"({"name":"n","config":{"a":"1","a":"2"}})", "a: Is already given"},
      {"{\"name\":\"\xff\",\"config\":{}}", "not valid UTF-8"},
      {R"({"name":"n","config":{}} x)", "Not valid JSON"},
  };
  for (const auto& one : cases) {
    const Response response =
        Ask("POST", "/connectors", one.body, {{"content-type", "application/json"}});
    EXPECT_EQ(response.status, 400) << one.body;
    EXPECT_THAT(response.body, StartsWith(R"({"error_code":400,"message":")")) << one.body;
    EXPECT_THAT(response.body, HasSubstr(one.message)) << one.body;
  }
  EXPECT_TRUE(worker_.connectors.empty());
}

TEST_F(ConnectConnectorsTest, SurviveDeepAndHugeBodies) {
  for (const char* unit : {"[", "{\"a\":", "[{\"a\":"}) {
    std::string deep;
    while (deep.size() < (1 << 20)) deep += unit;
    for (const char* path : {"/connectors/n/config", "/connectors/n", "/admin/loggers/root",
                             "/connector-plugins/HttpSink/config/validate"}) {
      EXPECT_EQ(Ask("PUT", path, deep).status, 400) << path;
    }
    EXPECT_EQ(Ask("POST", "/connectors", deep).status, 400);
    EXPECT_EQ(Ask("PATCH", "/connectors/n/offsets", deep).status, 400);
  }
  std::string wide = "{\"topics\":\"a\"";
  for (int i = 0; i < 20'000; ++i) wide += ",\"k" + std::to_string(i) + "\":\"\"";
  EXPECT_EQ(Ask("PUT", "/connectors/n/config", wide + '}').status, 400);
}

TEST_F(ConnectConnectorsTest, NameTheNearestKnownKey) {
  EXPECT_THAT(Ask("PUT", "/connectors/n/config",
                  R"({"callback.request.url":"http://h/","topic":"a","topics":"a"})"),
              Fails(400,
                    "Connector configuration is invalid and contains the following 1 error(s):\\n"
                    "topic: Unknown key: did you mean topics?\\n"
                    "You can also find the above list of errors at the endpoint "
                    "`/connector-plugins/{connectorType}/config/validate`"));
}

TEST_F(ConnectConnectorsTest, RejectNullValues) {
  EXPECT_THAT(
      Ask("PUT", "/connectors/n/config",
          R"({"callback.request.url":"http://h/","topics":"a","tasks.max":null,"name":null})"),
      Fails(400,
            "Connector configuration is invalid and contains the following 1 error(s):\\n"
            "tasks.max: Null value can not be supplied as the configuration value.\\n"
            "You can also find the above list of errors at the endpoint "
            "`/connector-plugins/{connectorType}/config/validate`"));
  EXPECT_EQ(Ask("PUT", "/connectors/n/config",
                R"({"callback.request.url":"http://h/","topics":"a","name":null})")
                .status,
            201);
}

TEST_F(ConnectConnectorsTest, AreShown) {
  Add("orders");
  EXPECT_THAT(Ask("GET", "/connectors/orders"), Answers(200, kInfo));
  EXPECT_THAT(Ask("GET", "/connectors/orders/config"),
              Answers(200, R"({"callback.request.url":"http://h/","name":"orders","topics":"a"})"));
  EXPECT_THAT(Ask("GET", "/connectors/orders/tasks"),
              Answers(200, R"([{"id":{"connector":"orders","task":0},"config":{)"
                           R"("callback.request.url":"http://h/","name":"orders",)"
                           R"("task.class":"nz.ac.auckland.kafka.http.sink.HttpSinkTask",)"
                           R"("topics":"a"}}])"));
  for (const char* path : {"/connectors/x", "/connectors/x/config", "/connectors/x/tasks"}) {
    EXPECT_THAT(Ask("GET", path), Fails(404, "Connector x not found")) << path;
  }
}

TEST_F(ConnectConnectorsTest, ShowReferencesToSecretsUnresolved) {
  Add("orders").config["callback.request.headers"] = "Authorization:${env:TOKEN}";
  EXPECT_THAT(Ask("GET", "/connectors/orders/config").body, HasSubstr("${env:TOKEN}"));
}

TEST_F(ConnectConnectorsTest, AreReplacedByPut) {
  for (const char* path : {"/connectors/orders/config", "/connectors/orders"}) {
    worker_.connectors.clear();
    const Response created = Ask("PUT", path, kBareConfig);
    EXPECT_THAT(created, Answers(201, kInfo)) << path;
    EXPECT_EQ(created.headers.at("Location"), "http://10.1.1.1:80/connectors/orders");
    worker_.connectors.at("orders").target = TargetState::kPaused;
    const Response replaced = Ask("PUT", path, kBareConfig);
    EXPECT_THAT(replaced, Answers(200, kInfo)) << path;
    EXPECT_FALSE(replaced.headers.contains("Location"));
    EXPECT_EQ(worker_.connectors.at("orders").target, TargetState::kPaused);
    EXPECT_THAT(Ask("PUT", path, R"({"name":"x"})"),
                Fails(400,
                      "Connector name configuration (x) doesn't match connector name in the "
                      "URL (orders)"));
    EXPECT_EQ(Ask("PUT", path).status, 400);
  }
}

TEST_F(ConnectConnectorsTest, AreChangedByPatchKeyByKey) {
  Add("orders").config["tasks.max"] = "2";
  EXPECT_THAT(
      Ask("PATCH", "/connectors/orders/config", R"({"tasks.max":null,"name":null,"topics":"a"})"),
      Answers(200, kInfo));
  EXPECT_EQ(Ask("PATCH", "/connectors/orders/config", R"({"tasks.max":3})").status, 200);
  EXPECT_EQ(worker_.connectors.at("orders").config.at("tasks.max"), "3");
  EXPECT_EQ(Ask("PATCH", "/connectors/orders/config", "{}").status, 200);
  EXPECT_THAT(Ask("PATCH", "/connectors/orders/config", R"({"topics":null})").body,
              HasSubstr("Must configure one of topics or topics.regex"));
  EXPECT_THAT(Ask("PATCH", "/connectors/orders/config", R"({"name":"x"})"),
              Fails(400,
                    "Connector name configuration (x) doesn't match connector name in the URL "
                    "(orders)"));
  EXPECT_THAT(Ask("PATCH", "/connectors/orders/config", R"({"connector.class":"X"})").body,
              HasSubstr("Failed to find any class"));
  EXPECT_EQ(worker_.connectors.at("orders").config.at("topics"), "a");
  for (const char* body : {"{}", R"({"name":"y"})", R"({"connector.class":"X"})"}) {
    EXPECT_THAT(Ask("PATCH", "/connectors/x/config", body), Fails(404, "Connector x not found"));
  }
}

TEST_F(ConnectConnectorsTest, AreDeletedOnce) {
  Add("orders");
  EXPECT_THAT(Ask("DELETE", "/connectors/orders"), Answers(204, ""));
  EXPECT_THAT(Ask("DELETE", "/connectors/orders"), Fails(404, "Connector orders not found"));
  EXPECT_EQ(Ask("GET", "/connectors/orders/status").status, 404);
}

TEST_F(ConnectConnectorsTest, AreReadOnlyWhenAFileDefinesThem) {
  Add("orders").file = "/etc/c/orders.toml";
  const std::string message = "Connector orders is defined by /etc/c/orders.toml: change that file";
  EXPECT_THAT(Ask("PUT", "/connectors/orders/config", kBareConfig), Fails(403, message));
  EXPECT_THAT(Ask("PUT", "/connectors/orders", kBareConfig), Fails(403, message));
  EXPECT_THAT(Ask("PATCH", "/connectors/orders/config", "{}"), Fails(403, message));
  EXPECT_THAT(Ask("DELETE", "/connectors/orders"), Fails(403, message));
  EXPECT_EQ(Ask("PUT", "/connectors/orders/pause").status, 202);
}

TEST_F(ConnectConnectorsTest, AreNotAcknowledgedWhenTheyCannotBeStored) {
  worker_.refuse = {CallError::Kind::kCannotStore, "No space left on device", {}};
  EXPECT_THAT(Ask("POST", "/connectors", Create(R"("n")", kBareConfig)),
              Fails(500, "No space left on device"));
  worker_.refuse = {CallError::Kind::kTooMany, "no more are possible", {}};
  EXPECT_THAT(Ask("POST", "/connectors", Create(R"("n")", kBareConfig)),
              Fails(403, "no more are possible"));
  worker_.refuse = {CallError::Kind::kUnavailable, "draining", {}};
  EXPECT_THAT(Ask("PUT", "/connectors/n/config", kBareConfig), Fails(503, "draining"));
  worker_.refuse = {CallError::Kind::kUnavailable, {}, {}};
  EXPECT_EQ(Ask("PUT", "/connectors/n/config", kBareConfig).status, 503);
  EXPECT_TRUE(worker_.connectors.empty());
}

}  // namespace
}  // namespace khs::rest
