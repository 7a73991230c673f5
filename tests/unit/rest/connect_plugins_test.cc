#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <string>

#include "unit/rest/connect_fixture.h"

namespace khs::rest {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSubsetOf;

constexpr const char* kValidate = "/connector-plugins/HttpSink/config/validate";
constexpr const char* kClass = "nz.ac.auckland.kafka.http.sink.HttpSinkConnector";

Poco::Dynamic::Var Parse(const std::string& text) { return Poco::JSON::Parser().parse(text); }

std::vector<std::string> Strings(const Poco::JSON::Array& array) {
  std::vector<std::string> strings;
  for (const auto& value : array) strings.push_back(value.convert<std::string>());
  return strings;
}

class ConnectPluginsTest : public ConnectTest {
 protected:
  // Returns the entry of each key of a validation, and checks that it is complete.
  std::map<std::string, Poco::JSON::Object::Ptr> Validate(const std::string& body,
                                                          int* error_count = nullptr) {
    const Response response = Ask("PUT", kValidate, body);
    EXPECT_EQ(response.status, 200) << response.body;
    std::map<std::string, Poco::JSON::Object::Ptr> entries;
    if (response.status != 200) return entries;
    const auto root = Parse(response.body).extract<Poco::JSON::Object::Ptr>();
    if (error_count != nullptr) *error_count = root->getValue<int>("error_count");
    for (const auto& item : *root->getArray("configs")) {
      const auto entry = item.extract<Poco::JSON::Object::Ptr>();
      EXPECT_TRUE(entry->isObject("definition"));
      EXPECT_TRUE(entry->isObject("value"));
      const auto name = entry->getObject("value")->getValue<std::string>("name");
      EXPECT_EQ(entry->getObject("definition")->getValue<std::string>("name"), name);
      entries[name] = entry;
    }
    return entries;
  }

  static std::string ValueOf(const Poco::JSON::Object::Ptr& entry) {
    const auto value = entry->getObject("value")->get("value");
    return value.isEmpty() ? "null" : value.convert<std::string>();
  }
  static std::vector<std::string> ErrorsOf(const Poco::JSON::Object::Ptr& entry) {
    return Strings(*entry->getObject("value")->getArray("errors"));
  }
};

TEST_F(ConnectPluginsTest, AreOneConnectorAndItsConverters) {
  const std::string sink = R"({"class":"nz.ac.auckland.kafka.http.sink.HttpSinkConnector",)"
                           R"("type":"sink","version":"0.1.0"})";
  EXPECT_THAT(Ask("GET", "/connector-plugins"), Answers(200, '[' + sink + ']'));
  EXPECT_THAT(Ask("GET", "/connector-plugins?connectorsOnly=True"), Answers(200, '[' + sink + ']'));
  const auto converter = [](const std::string& name, const std::string& type) {
    return R"(,{"class":"org.apache.kafka.connect.)" + name + R"(","type":")" + type +
           R"(","version":"0.1.0"})";
  };
  const std::string all = '[' + sink + converter("storage.StringConverter", "converter") +
                          converter("converters.ByteArrayConverter", "converter") +
                          converter("storage.StringConverter", "header_converter") +
                          converter("converters.ByteArrayConverter", "header_converter") + ']';
  EXPECT_THAT(Ask("GET", "/connector-plugins?connectorsOnly=false"), Answers(200, all));
  EXPECT_THAT(Ask("GET", "/connector-plugins?connectorsOnly=junk"), Answers(200, all));
}

TEST_F(ConnectPluginsTest, DescribeTheirKeysWithTheirOwnFirst) {
  const Response response = Ask("GET", "/connector-plugins/HttpSink/config");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body.find(
                R"([{"name":"callback.request.url","type":"STRING","required":true,)"
                R"("default_value":null,"importance":"HIGH","documentation":"Where records go: an )"
                R"(absolute `http://` or `https://` URL, without user, password and fragment. )"
                R"(*Templates* are possible in path and query.",)"
                R"("group":"Endpoint","width":"MEDIUM","display_name":"Callback request url",)"
                R"("dependents":[],"order":1},)"),
            0u)
      << response.body.substr(0, 500);
  EXPECT_THAT(response.body, HasSubstr(R"({"name":"tasks.max","type":"INT","required":false,)"
                                       R"("default_value":"1","importance":"HIGH",)"));
  EXPECT_THAT(response.body, HasSubstr(R"({"name":"callback.request.headers","type":"PASSWORD")"));
  EXPECT_THAT(response.body, HasSubstr(R"({"name":"name","type":"STRING","required":true)"));
  for (const char* plugin : {"HttpSinkConnector", kClass}) {
    EXPECT_EQ(Ask("GET", std::string("/connector-plugins/") + plugin + "/config").body,
              response.body);
  }
}

TEST_F(ConnectPluginsTest, HaveTheFrameworkKeysThatClientsExpect) {
  const auto keys = Parse(Ask("GET", "/connector-plugins/HttpSink/config").body)
                        .extract<Poco::JSON::Array::Ptr>();
  std::vector<std::string> names;
  for (const auto& item : *keys) {
    const auto key = item.extract<Poco::JSON::Object::Ptr>();
    names.push_back(key->getValue<std::string>("name"));
    EXPECT_EQ(names.back().find('*'), std::string::npos);
    EXPECT_EQ(key->size(), 11u);
    EXPECT_GT(key->getValue<int>("order"), 0);
  }
  const std::vector<std::string> expected = {"name",
                                             "connector.class",
                                             "tasks.max",
                                             "tasks.max.enforce",
                                             "key.converter",
                                             "value.converter",
                                             "header.converter",
                                             "transforms",
                                             "predicates",
                                             "config.action.reload",
                                             "errors.retry.timeout",
                                             "errors.retry.delay.max.ms",
                                             "errors.tolerance",
                                             "errors.log.enable",
                                             "errors.log.include.messages",
                                             "topics",
                                             "topics.regex",
                                             "errors.deadletterqueue.topic.name",
                                             "errors.deadletterqueue.topic.replication.factor",
                                             "errors.deadletterqueue.context.headers.enable"};
  EXPECT_THAT(expected, IsSubsetOf(names));
  const auto place = [&](const char* name) {
    return std::find(names.begin(), names.end(), name) - names.begin();
  };
  EXPECT_LT(place("delivery.ordering"), place("name"));
}

TEST_F(ConnectPluginsTest, RejectUnknownClasses) {
  EXPECT_THAT(Ask("GET", "/connector-plugins/Foo/config"), Fails(404, "Unknown plugin Foo."));
  EXPECT_THAT(Ask("GET", "/connector-plugins/StringConverter/config"), Answers(200, "[]"));
  EXPECT_THAT(Ask("GET",
                  "/connector-plugins/org.apache.kafka.connect.converters.ByteArrayConverter/"
                  "config"),
              Answers(200, "[]"));
}

TEST_F(ConnectPluginsTest, AcceptAValidDefinition) {
  int errors = -1;
  const auto entries = Validate(
      R"({"name":"n","topics":"a","callback.request.url":"http://h/","connector.class":"HttpSink"})",
      &errors);
  EXPECT_EQ(errors, 0);
  EXPECT_EQ(ValueOf(entries.at("topics")), "a");
  EXPECT_EQ(ValueOf(entries.at("tasks.max")), "1");
  EXPECT_EQ(ValueOf(entries.at("topics.regex")), "null");
  EXPECT_TRUE(worker_.connectors.empty());
}

TEST_F(ConnectPluginsTest, AnswerLikeKafkaConnect) {
  const Response response = Ask("PUT", kValidate, R"({"connector.class":"HttpSinkConnector"})");
  EXPECT_EQ(response.body.find(R"({"name":"HttpSinkConnector","error_count":4,"groups":["Common",)"
                               R"("Transforms","Predicates","Error Handling","Endpoint",)"
                               R"("Delivery","Kafka"],"configs":[{"definition":{"name":)"
                               R"("callback.request.url",)"),
            0u)
      << response.body.substr(0, 300);
  EXPECT_THAT(response.body,
              HasSubstr(R"("value":{"name":"callback.request.url","value":null,)"
                        R"("recommended_values":[],"errors":["Missing required configuration )"
                        R"(\"callback.request.url\" which has no default value."],)"
                        R"("visible":true}})"));
}

TEST_F(ConnectPluginsTest, ReportErrorsPerKey) {
  int errors = 0;
  const auto entries = Validate(
      R"({"callback.request.url":"http://h/","tasks.max":"0","topics":"a","topics.regex":"b",)"
      R"("topicz":"c","errors.tolerance":null})",
      &errors);
  EXPECT_EQ(errors, 6);
  EXPECT_THAT(ErrorsOf(entries.at("name")),
              ElementsAre("Missing required configuration \"name\" which has no default value."));
  EXPECT_THAT(ErrorsOf(entries.at("tasks.max")),
              ElementsAre("Invalid value 0 for configuration tasks.max: Value must be at least 1"));
  EXPECT_EQ(ErrorsOf(entries.at("topics")).size(), 1u);
  EXPECT_EQ(ErrorsOf(entries.at("topics")), ErrorsOf(entries.at("topics.regex")));
  EXPECT_THAT(ErrorsOf(entries.at("topicz")), ElementsAre("Unknown key: did you mean topics?"));
  EXPECT_THAT(ErrorsOf(entries.at("errors.tolerance")),
              ElementsAre("Null value can not be supplied as the configuration value."));
}

TEST_F(ConnectPluginsTest, SayWhatTheKeysOfOtherSinksAreCalledHere) {
  const std::string definition =
      R"({"name":"n","topics":"a","http.url":"http://h/",)"
      R"("connector.class":"io.aiven.kafka.connect.http.HttpSinkConnector"})";
  const auto entries = Validate(definition);
  EXPECT_THAT(ErrorsOf(entries.at("http.url")),
              ElementsAre("Unknown key of Aiven's HTTP sink: use callback.request.url instead"));
  EXPECT_THAT(ErrorsOf(entries.at("connector.class")),
              ElementsAre(HasSubstr("kafka-http-sink convert")));
  EXPECT_THAT(Ask("POST", "/connectors", R"({"name":"n","config":)" + definition + '}').body,
              HasSubstr("; kafka-http-sink convert converts a definition of Aiven's HTTP sink"));
}

TEST_F(ConnectPluginsTest, HideCredentials) {
  const Response response = Ask(
      "PUT", kValidate,
      R"({"name":"n","topics":"a","callback.request.url":"http://h/","connector.class":"HttpSink",)"
      R"("callback.request.headers":"Authorization:hush","consumer.override.sasl.password":"hush",)"
      R"("consumer.override.ssl.key.password":"hush","callback.request.heders":"hush",)"
      R"("consumer.override.auto.offset.reset":"latest"})");
  EXPECT_EQ(response.body.find("hush"), std::string::npos);
  const auto entries = Validate(R"({"consumer.override.sasl.password":"hush",)"
                                R"("consumer.override.auto.offset.reset":"latest"})");
  const auto password = entries.at("consumer.override.sasl.password");
  EXPECT_EQ(ValueOf(password), "[hidden]");
  EXPECT_EQ(password->getObject("definition")->getValue<std::string>("type"), "PASSWORD");
  EXPECT_EQ(ValueOf(entries.at("consumer.override.auto.offset.reset")), "latest");
}

TEST_F(ConnectPluginsTest, ApplyTheDefaultsOfTheProcess) {
  api_.defaults = {{"callback.request.url", "http://d/", config::ValueKind::kString, {1, 1}}};
  int errors = -1;
  const auto entries = Validate(R"({"name":"n","topics":"a"})", &errors);
  EXPECT_EQ(errors, 0);
  EXPECT_EQ(ValueOf(entries.at("callback.request.url")), "http://d/");
}

TEST_F(ConnectPluginsTest, ValidateTheRequestedClass) {
  const struct {
    const char* plugin;
    const char* java_class;
    int status;
  } cases[] = {
      {"HttpSink", "HttpSink", 200},
      {"HttpSink", kClass, 200},
      {"HttpSinkConnector", "HttpSink", 200},
      {kClass, kClass, 200},
      {kClass, "HttpSink", 400},
      {"Foo", "HttpSink", 400},
      {"HttpSink", "Foo", 400},
      {"Foo", "Foo", 400},
  };
  for (const auto& one : cases) {
    const Response response =
        Ask("PUT", std::string("/connector-plugins/") + one.plugin + "/config/validate",
            R"({"connector.class":")" + std::string(one.java_class) + "\"}");
    EXPECT_EQ(response.status, one.status) << one.plugin << ' ' << one.java_class;
  }
  EXPECT_THAT(
      Ask("PUT", "/connector-plugins/Foo/config/validate", R"({"connector.class":"HttpSink"})"),
      Fails(400, "Included connector type HttpSink does not match request type Foo"));
  EXPECT_THAT(
      Ask("PUT", "/connector-plugins/Foo/config/validate", R"({"connector.class":"Foo"})").body,
      HasSubstr("Failed to find any class that implements Connector and which name matches "
                "Foo, available connectors are: HttpSink, "));
  EXPECT_THAT(Ask("PUT", kValidate, "{}").body, HasSubstr(R"({"name":"HttpSink",)"));
  for (const char* body : {"", "null", "[]", "{", R"({"a":{}})"}) {
    EXPECT_EQ(Ask("PUT", kValidate, body, {{"content-type", "application/json"}}).status, 400)
        << body;
  }
}

}  // namespace
}  // namespace khs::rest
