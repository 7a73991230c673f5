#include "config/cloud_event_values.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "config/connector_config.h"
#include "config/request_body.h"
#include "unit/config/listing.h"

namespace khs::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Mode = CloudEventsConfig::Mode;

const std::string kMinimum = "topics = 'a'\ncallback.request.url = 'http://h/'\n";

std::vector<std::string> ProblemsOf(const std::string& lines) {
  return Listing(ParseConnectorToml({"f", "stem"}, kMinimum + lines + "\n").problems);
}

CloudEventsConfig EventsOf(const std::string& lines) {
  const auto result = ParseConnectorToml({"f", "stem"}, kMinimum + lines + "\n");
  EXPECT_THAT(Listing(result.problems), IsEmpty()) << lines;
  return result.config ? result.config->endpoint.cloud_events : CloudEventsConfig{};
}

TEST(CloudEventKeys, HaveDefaults) {
  const CloudEventsConfig events = EventsOf("");
  EXPECT_EQ(events.mode, Mode::kNone);
  EXPECT_EQ(events.type, Template("kafka.record"));
  ASSERT_EQ(events.source.parts().size(), 2u);
  EXPECT_EQ(std::get<base::Secret>(events.source.parts()[0]).Reveal(), "/topics/");
  EXPECT_EQ(std::get<TemplateField>(events.source.parts()[1]).shown, "{{topic}}");
}

TEST(CloudEventKeys, TakeModesInAnyCaseAndTemplates) {
  EXPECT_EQ(EventsOf("cloudevents.mode = 'binary'").mode, Mode::kBinary);
  const CloudEventsConfig events = EventsOf(
      "cloudevents.mode = 'STRUCTURED'\ncloudevents.type = 'shop.{{value.kind}}'\n"
      "cloudevents.source = 'https://shop.example/{{topic}}?p={{partition}}'");
  EXPECT_EQ(events.mode, Mode::kStructured);
  EXPECT_TRUE(events.type.has_fields());
  EXPECT_EQ(events.source.parts().size(), 4u);
}

TEST(CloudEventKeys, RejectInvalidValues) {
  const struct {
    std::string lines;
    std::string error;
  } cases[] = {
      {"cloudevents.mode = 'BATCHED'",
       "cloudevents.mode: Invalid value BATCHED for configuration cloudevents.mode: String must be "
       "one of: NONE, BINARY, STRUCTURED"},
      {"cloudevents.mode = 'BINARY'\ncloudevents.type = ''", "String may not be empty"},
      {"cloudevents.mode = 'BINARY'\ncloudevents.source = ' '", "String may not be empty"},
      {"cloudevents.mode = 'BINARY'\ncloudevents.type = \"a\\nb\"",
       "must not contain control characters"},
      {"cloudevents.mode = 'BINARY'\ncloudevents.source = '/{{tpoic}}'", "did you mean {{topic}}?"},
      {"cloudevents.mode = 'BINARY'\ncallback.request.headers = {CE_ID = 'canary'}",
       "f:4:1: error: callback.request.headers: cloudevents.mode sets these headers itself, leave "
       "them out: ce-*"},
      {"cloudevents.mode = 'BINARY'\nauth.type = 'API_KEY'\napi.key.name = 'ce-id'\n"
       "api.key.value = 'canary'",
       "api.key.name: cloudevents.mode sets these headers itself, leave them out: ce-*"},
  };
  for (const auto& [lines, error] : cases) {
    const auto problems = ProblemsOf(lines);
    EXPECT_THAT(problems, ElementsAre(HasSubstr(error))) << lines;
  }
  EXPECT_THAT(ProblemsOf("callback.request.headers = {ce-id = 'x'}"), IsEmpty());
}

TEST(CloudEventKeys, WarnOfAttributesWithoutEvents) {
  EXPECT_THAT(ProblemsOf("cloudevents.type = 'a'\ncloudevents.source = 'b'"),
              ElementsAre(HasSubstr("warning: cloudevents.type: Has no effect"),
                          HasSubstr("warning: cloudevents.source: Has no effect")));
  EXPECT_THAT(ProblemsOf("cloudevents.mode = '${env:A}'\ncloudevents.type = 'a'"), IsEmpty());
}

TEST(JsonTextType, IsJsonOrEndsInPlusJson) {
  for (const char* type : {"application/json", "Text/JSON; charset=utf-8", "application/a+json"}) {
    EXPECT_TRUE(IsJsonTextType(type)) << type;
  }
  for (const char* type :
       {"", "json", "application/x-ndjson", "application/json-seq", "text/plain"}) {
    EXPECT_FALSE(IsJsonTextType(type)) << type;
  }
}

}  // namespace
}  // namespace khs::config
