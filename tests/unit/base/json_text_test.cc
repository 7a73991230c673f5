#include "base/json_text.h"

#include <gmock/gmock.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace khs::base {
namespace {

using ::testing::ElementsAre;

std::string_view Find(std::string_view text, JsonPath path) {
  const std::vector<JsonPath> paths{std::move(path)};
  const auto found = FindInJson(text, paths);
  return found ? found->front() : "not JSON";
}

JsonFault FaultOf(std::string_view text) {
  const auto found = FindInJson(text, {});
  return found ? throw std::runtime_error("it is JSON") : found.error();
}

TEST(JsonText, AcceptsOnlyRfc8259) {
  for (const std::string_view text : {"1",
                                      "-0",
                                      "0.10",
                                      "1e400",
                                      "123456789012345678901234567890",
                                      "1E+2",
                                      "\"\"",
                                      "null",
                                      "true",
                                      "false",
                                      "[]",
                                      "{}",
                                      " [ 1 , {\"a\" : [ ] } ]\r\n\t",
                                      R"("\"\\\/\b\f\n\r\t\u00e9")",
                                      R"("\ud83d\ude00")",
                                      R"("\ud83d")",
                                      R"("\ude00")",
                                      R"("\ud83dx")",
                                      R"("\ud83d\u0041")",
                                      R"("\ud83d\ud83d\ude00")",
                                      R"({"\ud83d":1})",
                                      "\"\xc3\xa9\"",
                                      "\"\x7f\"",
                                      R"({"":0,"":1})"}) {
    EXPECT_TRUE(IsJson(text)) << text;
  }
  for (const std::string_view text : {"",           " ",           "01",
                                      "+1",         "1.",          ".5",
                                      "-",          "1e",          "0x1",
                                      "NaN",        "Infinity",    "nul",
                                      "nulll",      "True",        "'a'",
                                      "\"",         "\"a",         "\"\\\"",
                                      "\"\\x\"",    "\"\\u12g4\"", "\"\\u12\"",
                                      "\"\n\"",     "[1,]",        "[,1]",
                                      "[1 2]",      "[",           "]",
                                      "{",          "{\"a\"}",     "{\"a\":}",
                                      "{\"a\":1,}", "{a:1}",       "{1:1}",
                                      "1 2",        "{}{}",        "/**/1",
                                      "\"\xff\"",   "\"\xc3\"",    "\xef\xbb\xbf{}"}) {
    EXPECT_FALSE(IsJson(text)) << text;
  }
  EXPECT_FALSE(IsJson(std::string_view("1\0", 2)));
}

TEST(JsonText, BoundsTheDepth) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(IsJson(nested(128)));
  EXPECT_FALSE(IsJson(nested(130)));
  EXPECT_FALSE(IsJson(std::string(1'000'000, '[')));
}

TEST(JsonText, SaysWhatIsWrong) {
  EXPECT_EQ(FaultOf("{"), JsonFault::kSyntax);
  EXPECT_EQ(FaultOf("{} x"), JsonFault::kSyntax);
  EXPECT_EQ(FaultOf("\"\xff\""), JsonFault::kNotUtf8);
  EXPECT_EQ(FaultOf(std::string(130, '[') + std::string(130, ']')), JsonFault::kTooDeep);
}

TEST(JsonText, KeepsHalfOfASurrogatePairAsItIsWritten) {
  constexpr std::string_view kText = R"({"a\ud83d": 1, "a": "x\ud83d", "b": [2]})";
  EXPECT_EQ(Find(kText, {"a"}), R"("x\ud83d")");
  EXPECT_EQ(Find(kText, {"b", "0"}), "2");
  EXPECT_EQ(Find(kText, {"a\xed\xa0\xbd"}), "");
  std::string out;
  AppendCompactJson(out, kText);
  EXPECT_EQ(out, R"({"a\ud83d":1,"a":"x\ud83d","b":[2]})");
  for (const std::string_view half :
       {R"("x\ud83d")", R"("\ude00")", R"("\ud83d\u0041")", R"("\ud83d\ud83d\ude00")"}) {
    EXPECT_EQ(UnescapeJson(half), std::nullopt) << half;
  }
}

TEST(JsonText, FindsValuesAsTheyAreWritten) {
  constexpr std::string_view kText =
      R"( {"a": 1.10, "b": {"c": [10, {"d": "x\"y"}, 1e400]}, "a.b": true, "": {"0": null}} )";
  const struct {
    JsonPath path;
    std::string_view found;
  } cases[] = {
      {{"a"}, "1.10"},
      {{"b", "c", "0"}, "10"},
      {{"b", "c", "1", "d"}, R"("x\"y")"},
      {{"b", "c", "1"}, R"({"d": "x\"y"})"},
      {{"b", "c", "2"}, "1e400"},
      {{"a.b"}, "true"},
      {{"", "0"}, "null"},
      {{}, kText.substr(1, kText.size() - 2)},
      {{"b", "c", "3"}, ""},
      {{"b", "c", "00"}, ""},
      {{"b", "c", "-1"}, ""},
      {{"b", "c", "d"}, ""},
      {{"a", "0"}, ""},
      {{"A"}, ""},
  };
  for (const auto& [path, found] : cases) EXPECT_EQ(Find(kText, path), found) << found;
}

TEST(JsonText, FindsManyValuesInOnePass) {
  const std::vector<JsonPath> paths{{"a"}, {"a", "b"}, {"c"}, {}, {"a", "b"}};
  EXPECT_THAT(*FindInJson(R"({"a":{"b":1},"c":2})", paths),
              ElementsAre(R"({"b":1})", "1", "2", R"({"a":{"b":1},"c":2})", "1"));
}

TEST(JsonText, TakesTheLastOfRepeatedMembers) {
  EXPECT_EQ(Find(R"({"a":1,"a":2})", {"a"}), "2");
  EXPECT_EQ(Find(R"({"a":{"b":1},"a":{"c":2}})", {"a", "b"}), "");
  EXPECT_EQ(Find(R"({"a":{"b":1},"\u0061":5})", {"a", "b"}), "");
}

TEST(JsonText, ComparesMembersWithoutTheirEscapes) {
  EXPECT_EQ(Find(R"({"\u0069d\n":1})", {"id\n"}), "1");
}

TEST(JsonText, RemovesBlanksBetweenTokensOnly) {
  std::string out = "x";
  AppendCompactJson(out, " { \"a b\" : [ 1 ,\t\"\\\" \" ] }\n");
  EXPECT_EQ(out, R"(x{"a b":[1,"\" "]})");
}

TEST(JsonText, UnescapesWhatItEscapes) {
  EXPECT_EQ(UnescapeJson(R"("a\u00e9\u20ac\ud83d\ude00\/\b\f\n\r\t\"\\\u0000z")"),
            std::string("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80/\b\f\n\r\t\"\\\0z", 20));
  std::string every;
  for (char c = 0; c < 0x7f; ++c) every += c;
  std::string escaped = "\"";
  AppendJsonEscaped(escaped, every);
  escaped += '"';
  EXPECT_TRUE(IsJson(escaped));
  EXPECT_EQ(UnescapeJson(escaped), every);
}

TEST(JsonText, TellsWhetherAPartEndsInAString) {
  EXPECT_FALSE(EndsInJsonString(R"({"a":)", false));
  EXPECT_TRUE(EndsInJsonString(R"({"a":")", false));
  EXPECT_TRUE(EndsInJsonString(R"({"a":"\"\\\")", false));
  EXPECT_FALSE(EndsInJsonString(R"(x","b":1)", true));
}

}  // namespace
}  // namespace khs::base
