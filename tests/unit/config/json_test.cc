#include "config/json.h"

#include <gmock/gmock.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/json_value.h"
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

TEST(Json, ParsesAConnectorToStrings) {
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

// Clients compare the configuration they sent with the one they get.
TEST(Json, KeepsNumbersAndBooleansAsWritten) {
  for (const char* literal :
       {"1.0", "1e3", "1E+3", "1.50", "-0", "0.0", "-0.0e-0", "1e-400", "12345678901234567890",
        "-123456789012345678901234567890", "0.1000000000000000055511151231", "true", "false"}) {
    const std::string text = std::string("{\"a\": ") + literal + " }";
    const auto config = ReadJsonConfig("f", text);
    ASSERT_TRUE(config) << literal << ": " << Format(config.error().at(0));
    EXPECT_EQ(config->at(0).text, literal);
  }
  const std::string digits(300, '7');
  EXPECT_EQ(ReadJsonConfig("f", "{\"a\":" + digits + '}')->at(0).text, digits);
}

TEST(Json, RejectsANumberBeyondTheRangeOfADouble) {
  for (const std::string& number : {std::string("1E400"), std::string(400, '7')}) {
    EXPECT_THAT(Problems("{\"config\":{\"a\":" + number + "}}"),
                ElementsAre("f:1:16: error: The number is too big: write it as a string"));
    EXPECT_THAT(Problems("{\"config\":{\"a\":\"" + number + "\"}}"), ElementsAre());
  }
}

TEST(Json, RejectsInvalidNumbers) {
  for (const char* literal : {"NaN", "Infinity", "-", "+1", "01", "-01", "1.", ".5", "1e", "1e+",
                              "1.e3", "0x1", "1_0", "1 0", "--1", "True", "nul", "1,", "'a'"}) {
    EXPECT_THAT(Problems(std::string("{\"config\":{\"a\":") + literal + "}}"),
                ElementsAre(HasSubstr("Not valid JSON")))
        << literal;
  }
}

TEST(Json, ParsesEveryEscapeOfAString) {
  const auto config =
      ReadJsonConfig("f", R"({"\u0061\n":"\"\\\/\b\f\n\r\t\u00e9\u20AC\ud83d\ude00\u0000."})");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->at(0).key, "a\n");
  EXPECT_EQ(config->at(0).text, std::string("\"\\/\b\f\n\r\t\u00e9\u20ac\U0001f600") + '\0' + '.');
  for (const char* broken : {R"("\ud83d")", R"("\ude00")", R"("\ud83dx")", R"("\ud83d\u0041")",
                             R"("\u12")", R"("\u12g4")", R"("\x41")", "\"\t\"", "\"a", "\"\\"}) {
    EXPECT_THAT(Problems(std::string("{\"config\":{\"a\":") + broken + "}}"),
                ElementsAre(HasSubstr("Not valid JSON")))
        << broken;
  }
}

TEST(Json, NamesAControlCharacterInAString) {
  for (const char control : {'\t', '\n', '\x1f', '\0'}) {
    const auto parsed = ParseJsonObject(std::string(R"({"a":"b)") + control + R"("})");
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().message, "Not valid JSON: a control character is not escaped");
  }
  const auto open = ParseJsonObject(R"({"a":"b)");
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error().message, "Not valid JSON: Missing a closing quotation mark in string");
}

TEST(Json, RejectsMoreThanThirtyTwoLevels) {
  const auto document = [](int arrays) {
    return "{\"a\":" + std::string(arrays, '[') + std::string(arrays, ']') + '}';
  };
  EXPECT_TRUE(ParseJsonObject(document(31)));
  const auto deep = ParseJsonObject(document(32));
  ASSERT_FALSE(deep);
  EXPECT_EQ(deep.error().message, "Not valid JSON: it is nested too deep");
  EXPECT_EQ(deep.error().position.column, 37);
}

// Encodes text as UTF-16 or UTF-32, with or without a byte order mark.
std::string Encode(std::u32string_view text, size_t unit, bool big_endian, bool mark) {
  std::string bytes;
  const auto append = [&](char32_t value) {
    for (size_t i = 0; i < unit; ++i) {
      const size_t byte = big_endian ? unit - 1 - i : i;
      bytes += static_cast<char>((value >> (8 * byte)) & 0xff);
    }
  };
  if (mark) append(0xfeff);
  for (const char32_t c : text) {
    if (unit == 2 && c > 0xffff) {
      append(0xd800 + ((c - 0x10000) >> 10));
      append(0xdc00 + ((c - 0x10000) & 0x3ff));
    } else {
      append(c);
    }
  }
  return bytes;
}

TEST(Json, AcceptsTheEncodingsOfKafkaConnect) {
  constexpr std::u32string_view kText = U"{\"a\":\n\"\u00e9\u20ac\U0001f600\",\"b\":1.0}";
  const std::string kUtf8 = "\u00e9\u20ac\U0001f600";
  std::vector<std::string> bodies = {"\xef\xbb\xbf{\"a\":\n\"" + kUtf8 + "\",\"b\":1.0}"};
  for (const size_t unit : {2, 4}) {
    for (const bool big_endian : {false, true}) {
      for (const bool mark : {false, true}) {
        bodies.push_back(Encode(kText, unit, big_endian, mark));
      }
    }
  }
  for (const std::string& body : bodies) {
    const auto config = ReadJsonConfig("f", body);
    ASSERT_TRUE(config) << Format(config.error().at(0));
    EXPECT_THAT(*config, ElementsAre(Entry{"a", kUtf8, ValueKind::kString, {1, 2}},
                                     Entry{"b", "1.0", ValueKind::kString, {2, 7}}));
  }
}

TEST(Json, RejectsInvalidEncodings) {
  const std::string utf16 = Encode(U"{\"a\":1}", 2, true, false);
  std::string lone = utf16;
  lone[6] = '\xd8';
  std::string beyond = Encode(U"{\"a\":1}", 4, false, true);
  beyond[8] = beyond[10] = '\x7f';
  const std::pair<std::string, const char*> cases[] = {
      {utf16 + '\0', "UTF-16"}, {lone, "UTF-16"}, {beyond, "UTF-32"}, {"{\"\xff\":1}", "UTF-8"}};
  for (const auto& [body, encoding] : cases) {
    EXPECT_THAT(Problems(body),
                ElementsAre("f:1:1: error: The text is not valid " + std::string(encoding)));
  }
  for (const std::string& nothing : {std::string("\xfe\xff"), std::string("\xef\xbb\xbf")}) {
    EXPECT_THAT(Problems(nothing), ElementsAre(HasSubstr("Not valid JSON: The document is empty")));
  }
}

TEST(Json, ReturnsNameAndInitialStateSeparately) {
  const auto definition =
      ReadJsonDefinition("REST", R"({"initial_state":"PAUSED","config":{"name":"a"},"name":"b"})");
  ASSERT_TRUE(definition);
  EXPECT_EQ(definition->name, "b");
  EXPECT_EQ(definition->initial_state, "PAUSED");
  EXPECT_EQ(definition->config.size(), 1u);
}

TEST(Json, ParsesABareConfiguration) {
  const auto config = ReadJsonConfig("REST", R"({"topics":"a","x":{"y":1}})");
  ASSERT_FALSE(config);
  EXPECT_THAT(Listing(config.error()), ElementsAre(HasSubstr("REST:1:15: error: x: A value must")));
  EXPECT_TRUE(ReadJsonConfig("REST", R"({"topics":"a"})"));
}

TEST(Json, ReportsAllProblemsAtOnce) {
  EXPECT_THAT(Problems("{\"nam\":1,\n\"config\":{\"a\":[1],\n \"b\":1, \"b\":2}}"),
              ElementsAre(HasSubstr("f:1:2: error: nam: Unrecognized field"),
                          HasSubstr("f:2:11: error: a: A value must be"),
                          HasSubstr("f:3:9: error: b: Is already given at line 3, column 2")));
  EXPECT_THAT(
      Problems(R"({"name":[],"config":[]})"),
      ElementsAre(HasSubstr("name: Must be a string"), HasSubstr("config: Must be an object")));
  EXPECT_THAT(Problems(R"({"name":"a"})"), ElementsAre(HasSubstr("config: Missing")));
  EXPECT_THAT(Problems(R"({"name":"a","config":{"name":"b"}})"), ElementsAre(HasSubstr("match")));
}

TEST(Json, ReportsThePositionOfASyntaxError) {
  EXPECT_THAT(Problems("{\"a\":\n 1,\n}"), ElementsAre(HasSubstr("f:3:1: error: Not valid JSON")));
  EXPECT_THAT(Problems(""), ElementsAre(HasSubstr("Not valid JSON")));
  EXPECT_THAT(Problems("[1]"), ElementsAre("f:1:1: error: A JSON object is expected"));
  EXPECT_THAT(Problems("{\"\xFF\":1}"), ElementsAre(HasSubstr("UTF-8")));
  EXPECT_THAT(Problems("{\"name\":\"a\",\n\"config\":{\"topics\\u0000x\":\"a\"}}"),
              ElementsAre("f:2:11: error: A key holds \\u0000"));
  EXPECT_THAT(Problems(R"({"name":"a","config":{"a\\u0000":"\u0000"}})"), ElementsAre());
  EXPECT_THAT(Problems(std::string("{\"config\":{}}\0", 14)),
              ElementsAre("f:1:14: error: Not valid JSON: a zero byte follows the object"));
}

TEST(Json, ReportsARepeatedKeyOnceAndAtMostAHundredProblems) {
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

TEST(Json, RejectsTooManyValues) {
  const auto document = [](const std::string& value, int count) {
    std::string text = "{\"name\":[" + value;
    for (int i = 1; i < count; ++i) text += ',' + value;
    return text + "]}";
  };
  EXPECT_THAT(Problems(document("1", 90'000)), Not(ElementsAre(HasSubstr("values"))));
  for (const char* value : {"1", "{}", "[]", "\"\\\",\""}) {
    EXPECT_THAT(Problems(document(value, 110'000)),
                ElementsAre(HasSubstr("error: At most 100000 values are allowed")))
        << value;
  }
  EXPECT_THAT(Problems("{\"nam\":\"" + std::string(200'000, ',') + "\\\"[" + "\"}"),
              ElementsAre(HasSubstr("nam: Unrecognized")));
}

}  // namespace
}  // namespace khs::config
