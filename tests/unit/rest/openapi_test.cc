#include "rest/openapi.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>

#include <regex>
#include <set>
#include <string>
#include <utility>

#include "config/definitions.h"
#include "config/text.h"
#include "unit/rest/connect_fixture.h"

namespace khs::rest {
namespace {

using Calls = std::set<std::pair<std::string, std::string>>;

Poco::JSON::Object::Ptr Document() {
  Poco::JSON::Parser parser;
  return parser.parse(std::string(OpenApiDocument())).extract<Poco::JSON::Object::Ptr>();
}

Calls Documented() {
  Calls calls;
  const auto paths = Document()->getObject("paths");
  for (const std::string& path : paths->getNames()) {
    for (const std::string& method : paths->getObject(path)->getNames()) {
      if (method != "parameters") calls.emplace(config::Upper(method), path);
    }
  }
  return calls;
}

Poco::JSON::Object::Ptr Schema(const std::string& name) {
  return Document()->getObject("components")->getObject("schemas")->getObject(name);
}

class OpenApiTest : public ConnectTest {
 protected:
  int StatusOfOffsets(const std::string& list) {
    return Ask("PATCH", "/connectors/stopped/offsets", R"({"offsets":)" + list + '}').status;
  }
};

TEST_F(OpenApiTest, DocumentsEveryRouteAndNoOther) {
  Calls routed;
  for (const ConnectRoute& route : ConnectRoutes()) routed.emplace(route.method, route.path);
  EXPECT_EQ(Documented(), routed);
  EXPECT_EQ(routed.size(), ConnectRoutes().size());
}

TEST_F(OpenApiTest, DocumentsCallsThatTheRouterAnswers) {
  for (const auto& [method, path] : Documented()) {
    const Response options = Ask("OPTIONS", path);
    EXPECT_EQ(options.status, 200) << path;
    EXPECT_NE((", " + options.body + ',').find(", " + method + ','), std::string::npos)
        << method << ' ' << path;
    const Response response = Ask(method, path);
    EXPECT_NE(response.status, 405) << method << ' ' << path;
    EXPECT_EQ(response.body.find("HTTP 500"), std::string::npos) << method << ' ' << path;
  }
}

// A new key of the definition table must be added to ConnectorKey in openapi.json.
TEST_F(OpenApiTest, ListsEveryConnectorKeyAndRejectsOthers) {
  const auto alternatives = Schema("ConnectorKey")->getArray("anyOf");
  std::set<std::string> documented;
  for (const auto& key : *alternatives->getObject(0)->getArray("enum")) {
    documented.insert(key.convert<std::string>());
  }
  const std::regex families(alternatives->getObject(1)->getValue<std::string>("pattern"));
  std::set<std::string> known;
  for (const config::KeyDefinition& definition : config::ConnectorKeys()) {
    const std::string key(definition.key);
    if (key.ends_with(".*")) {
      const std::string family = key.substr(0, key.size() - 1);
      EXPECT_TRUE(std::regex_search(family + "x", families)) << key;
      EXPECT_FALSE(std::regex_search(family, families)) << key;
      continue;
    }
    known.insert(key);
    if (!definition.alias.empty()) known.emplace(definition.alias);
    EXPECT_FALSE(std::regex_search(key, families)) << key;
  }
  EXPECT_EQ(documented, known);
  for (const char* schema : {"Config", "ConfigPatch"}) {
    EXPECT_EQ(Schema(schema)->getObject("propertyNames")->getValue<std::string>("$ref"),
              "#/components/schemas/ConnectorKey");
  }
}

TEST_F(OpenApiTest, StatesWhatTheRouterRejectsInABody) {
  EXPECT_FALSE(Schema("Create")->getValue<bool>("additionalProperties"));
  EXPECT_EQ(Ask("POST", "/connectors", R"({"name":"a","config":{},"more":1})").status, 400);
  EXPECT_EQ(
      Schema("Create")->getObject("properties")->getObject("name")->getValue<int>("minLength"), 1);
  EXPECT_EQ(Ask("POST", "/connectors",
                R"({"name":"","config":{"topics":"a","callback.request.url":"http://h/"}})")
                .status,
            400);

  Add("stopped").target = connect::TargetState::kStopped;
  const auto change = Schema("OffsetsToSet");
  EXPECT_FALSE(change->getValue<bool>("additionalProperties"));
  EXPECT_EQ(Ask("PATCH", "/connectors/stopped/offsets", R"({"offsets":[],"more":1})").status, 400);
  const auto offsets = change->getObject("properties")->getObject("offsets");
  EXPECT_EQ(offsets->getValue<int>("minItems"), 1);
  EXPECT_EQ(StatusOfOffsets("[]"), 400);
  const auto entry = offsets->getObject("items");
  EXPECT_FALSE(entry->getValue<bool>("additionalProperties"));
  EXPECT_EQ(StatusOfOffsets(R"([{"partition":{"kafka_topic":"a","kafka_partition":0},"more":1}])"),
            400);
  const auto topic = entry->getObject("properties")
                         ->getObject("partition")
                         ->getObject("properties")
                         ->getObject("kafka_topic");
  EXPECT_EQ(topic->getValue<int>("minLength"), 1);
  const auto of_topic = [](const std::string& name) {
    return R"([{"partition":{"kafka_topic":")" + name + R"(","kafka_partition":"0"}}])";
  };
  EXPECT_EQ(StatusOfOffsets(of_topic("")), 400);
  const auto longest = topic->getValue<size_t>("maxLength");
  EXPECT_EQ(StatusOfOffsets(of_topic(std::string(longest, 'x'))), 200);
  EXPECT_EQ(StatusOfOffsets(of_topic(std::string(longest + 1, 'x'))), 400);
}

TEST_F(OpenApiTest, IsServedUnchanged) {
  EXPECT_THAT(Ask("GET", "/openapi.json"), Answers(200, std::string(OpenApiDocument())));
  EXPECT_EQ(Document()->getValue<std::string>("openapi"), "3.1.0");
}

}  // namespace
}  // namespace khs::rest
