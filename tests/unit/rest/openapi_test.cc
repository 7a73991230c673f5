#include "rest/openapi.h"

#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>

#include <set>
#include <string>
#include <utility>

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

class OpenApiTest : public ConnectTest {};

TEST_F(OpenApiTest, DocumentsWhatIsRoutedAndNothingElse) {
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

TEST_F(OpenApiTest, IsServedAsItIs) {
  EXPECT_THAT(Ask("GET", "/openapi.json"), Answers(200, std::string(OpenApiDocument())));
  EXPECT_EQ(Document()->getValue<std::string>("openapi"), "3.1.0");
}

}  // namespace
}  // namespace khs::rest
