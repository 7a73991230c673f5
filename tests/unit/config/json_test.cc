#include "config/json.h"

#include <gmock/gmock.h>

#include <string>

#include "unit/config/listing.h"

namespace khs::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> Problems(std::string_view text) {
  const auto config = ReadJson("f", text);
  return config ? std::vector<std::string>{} : Listing(config.error());
}

TEST(Json, ReadsAConnectorWithItsNameAsStrings) {
  const auto config = ReadJson("f",
                               "{\"name\":\"orders\",\n \"config\":{\n  \"topics\":\"a\",\n"
                               "  \"tasks.max\":2, \"forward.kafka.headers\":true,\n"
                               "  \"request.delay.sec\":0.5, \"callback.request.url\":null}}");
  ASSERT_TRUE(config) << Format(config.error().at(0));
  EXPECT_THAT(*config,
              ElementsAre(Entry{"name", "orders", ValueKind::kString, {1, 1}},
                          Entry{"topics", "a", ValueKind::kString, {3, 3}},
                          Entry{"tasks.max", "2", ValueKind::kString, {4, 3}},
                          Entry{"forward.kafka.headers", "true", ValueKind::kString, {4, 18}},
                          Entry{"request.delay.sec", "0.5", ValueKind::kString, {5, 3}},
                          Entry{"callback.request.url", "", ValueKind::kNull, {5, 28}}));
}

TEST(Json, KeepsNameAndInitialStateApartForRest) {
  const auto definition =
      ReadJsonDefinition("REST", R"({"initial_state":"PAUSED","config":{"name":"a"},"name":"b"})");
  ASSERT_TRUE(definition);
  EXPECT_EQ(definition->name, "b");
  EXPECT_EQ(definition->initial_state, "PAUSED");
  EXPECT_EQ(definition->config.size(), 1u);
}

TEST(Json, ReadsABareConfiguration) {
  const auto config = ReadJsonConfig("REST", R"({"topics":"a","x":{"y":1}})");
  ASSERT_FALSE(config);
  EXPECT_THAT(Listing(config.error()), ElementsAre(HasSubstr("REST:1:15: error: x: A value must")));
  EXPECT_TRUE(ReadJsonConfig("REST", R"({"topics":"a"})"));
}

TEST(Json, ReportsEveryProblemOfTheFormAtOnce) {
  EXPECT_THAT(Problems("{\"nam\":1,\n\"config\":{\"a\":[1],\n \"b\":1, \"b\":2}}"),
              ElementsAre(HasSubstr("f:1:2: error: nam: Unrecognized field"),
                          HasSubstr("f:2:11: error: a: A value must be"),
                          HasSubstr("f:3:9: error: b: Is already given at line 3, column 2")));
  EXPECT_THAT(
      Problems(R"({"name":5,"config":[]})"),
      ElementsAre(HasSubstr("name: Must be a string"), HasSubstr("config: Must be an object")));
  EXPECT_THAT(Problems(R"({"name":"a"})"), ElementsAre(HasSubstr("config: Missing")));
  EXPECT_THAT(Problems(R"({"name":"a","config":{"name":"b"}})"), ElementsAre(HasSubstr("match")));
}

TEST(Json, TellsWhereTheSyntaxIsBroken) {
  EXPECT_THAT(Problems("{\"a\":\n 1,\n}"), ElementsAre(HasSubstr("f:3:1: error: Not valid JSON")));
  EXPECT_THAT(Problems(""), ElementsAre(HasSubstr("Not valid JSON")));
  EXPECT_THAT(Problems("[1]"), ElementsAre("f:1:1: error: A JSON object is expected"));
  EXPECT_THAT(Problems("{\"\xFF\":1}"), ElementsAre(HasSubstr("UTF-8")));
  EXPECT_THAT(Problems("{\"name\":\"a\",\n\"config\":{\"topics\\u0000x\":\"a\"}}"),
              ElementsAre("f:2:11: error: A key holds \\u0000"));
  EXPECT_THAT(Problems(R"({"name":"a","config":{"a\\u0000":"\u0000"}})"), ElementsAre());
}

TEST(Json, TellsOfARepeatedKeyOnceAndOfAHundredProblemsAtMost) {
  std::string same = "{\"a\":1";
  std::string nested = "{\"b\":1";
  for (int i = 0; i < 150; ++i) {
    same += ",\"a\":1";
    nested += ",\"" + std::to_string(i) + "\":[]";
  }
  const auto once = ReadJsonConfig("f", same + '}');
  ASSERT_FALSE(once);
  EXPECT_THAT(Listing(once.error()), ElementsAre(HasSubstr("f:1:8: error: a: Is already given")));
  const auto many = ReadJsonConfig("f", nested + '}');
  ASSERT_FALSE(many);
  ASSERT_EQ(many.error().size(), 101u);
  EXPECT_EQ(many.error().back().message, "and 50 more");
}

TEST(Json, OfTooManyValuesIsRefusedAsAWhole) {
  const auto document = [](const std::string& value, int count) {
    std::string text = "{\"name\":[" + value;
    for (int i = 1; i < count; ++i) text += ',' + value;
    return text + "]}";
  };
  EXPECT_THAT(Problems(document("1", 90'000)), Not(ElementsAre(HasSubstr("values"))));
  for (const char* value : {"1", "{}", "[]", "\"\\\",\""}) {
    EXPECT_THAT(Problems(document(value, 110'000)),
                ElementsAre("f:1:1: error: More than 100000 values are not taken"))
        << value;
  }
  EXPECT_THAT(Problems("{\"nam\":\"" + std::string(200'000, ',') + "\\\"[" + "\"}"),
              ElementsAre(HasSubstr("nam: Unrecognized")));
}

}  // namespace
}  // namespace khs::config
