#include <gmock/gmock.h>

#include <string>

#include "config/flat.h"
#include "unit/config/listing.h"

namespace khs::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

FlatConfig Read(std::string_view text) {
  auto config = ReadToml("f", text, KeepsHeaderTable);
  EXPECT_TRUE(config.has_value()) << (config ? "" : Format(config.error().at(0)));
  return config ? *config : FlatConfig{};
}

std::vector<std::string> Problems(std::string_view text) {
  auto config = ReadToml("f", text, KeepsHeaderTable);
  return config ? std::vector<std::string>{} : Listing(config.error());
}

TEST(WriteToml, RoundTripsAnyKeyAndValue) {
  const std::string all_ascii = [] {
    std::string text;
    for (char c = 0; c < 0x7f; ++c) text += c;
    return text + '\x7f';
  }();
  for (const std::string& text :
       {all_ascii, std::string(), std::string("a\nb"), std::string("a\tb"), std::string("a.b"),
        std::string("\"\"\""), std::string("ä😀")}) {
    const auto read =
        ReadToml("f", WriteToml({{text, text}}, "t", {{text, text}}), KeepsHeaderTable);
    ASSERT_TRUE(read.has_value()) << Format(read.error().front());
    ASSERT_EQ(read->size(), 2u);
    EXPECT_EQ(read->front().key, text);
    EXPECT_EQ(read->front().text, text);
    EXPECT_EQ(read->back().key, "t." + text);
    EXPECT_EQ(read->back().text, text);
  }
}

TEST(TomlReader, FlattensEverySpellingToOneName) {
  for (const std::string text : {"a.b.c = \"x\"", "\"a.b.c\" = \"x\"", "a.\"b.c\" = \"x\"",
                                 "a = {b = {c = \"x\"}}", "a.b = {c = \"x\"}"}) {
    const FlatConfig config = Read(text);
    ASSERT_EQ(config.size(), 1u) << text;
    EXPECT_EQ(config[0].key, "a.b.c") << text;
    EXPECT_EQ(config[0].text, "x") << text;
  }
  EXPECT_EQ(Read("[a.b]\nc = \"x\"").at(0).key, "a.b.c");
}

TEST(TomlReader, ReportsTheStartOfAKey) {
  const FlatConfig config = Read(
      "# \xC3\xA9\n"
      "  z . \"y\".x = 1\n"
      "[b.c]\n"
      " d.e = 2\n"
      "f = {g.h = 3, i = '\xC3\xA9', j.k = 4}\n"
      "[ l . 'm' ]\n");
  ASSERT_EQ(config.size(), 6u);
  EXPECT_EQ(config[0], (Entry{"z.y.x", "1", ValueKind::kInteger, {2, 3}}));
  EXPECT_EQ(config[1], (Entry{"b.c.d.e", "2", ValueKind::kInteger, {4, 2}}));
  EXPECT_EQ(config[2], (Entry{"b.c.f.g.h", "3", ValueKind::kInteger, {5, 6}}));
  EXPECT_EQ(config[3], (Entry{"b.c.f.i", "\xC3\xA9", ValueKind::kString, {5, 15}}));
  EXPECT_EQ(config[4], (Entry{"b.c.f.j.k", "4", ValueKind::kInteger, {5, 24}}));
  EXPECT_EQ(config[5], (Entry{"l.m", "{}", ValueKind::kTable, {6, 3}}));
}

TEST(TomlReader, KeepsTheOrderOfTheFile) {
  const FlatConfig config = Read("z = 1\na = 2\nm.b = 3\nc = 4\nm.a = 5\n");
  std::string keys;
  for (const Entry& entry : config) keys += entry.key + ' ';
  EXPECT_EQ(keys, "z a m.b c m.a ");
}

TEST(TomlReader, ReportsTheKindOfAValue) {
  const FlatConfig config =
      Read("a = [\"x\", 1, 0.5]\nb = [true]\nc = 1979-05-27\nd = true\ne = 0.5\n[[f]]\ng = 1\n");
  ASSERT_EQ(config.size(), 6u);
  EXPECT_EQ(config[0], (Entry{"a", "x,1,0.5", ValueKind::kList, {1, 1}}));
  EXPECT_EQ(config[1].kind, ValueKind::kMixedList);
  EXPECT_EQ(config[2].kind, ValueKind::kOther);
  EXPECT_EQ(config[3], (Entry{"d", "true", ValueKind::kBoolean, {4, 1}}));
  EXPECT_EQ(config[4], (Entry{"e", "0.5", ValueKind::kFloat, {5, 1}}));
  EXPECT_EQ(config[5].kind, ValueKind::kMixedList);
}

TEST(TomlReader, KeepsHeadersAsAnOrderedJsonObject) {
  const FlatConfig config =
      Read("[callback.request.headers]\nX-B = \"a\\\"b\"\nX-A = 1\nX-C = true\nX-D = [1]\n");
  ASSERT_EQ(config.size(), 1u);
  EXPECT_EQ(config[0].key, "callback.request.headers");
  EXPECT_EQ(config[0].kind, ValueKind::kTable);
  EXPECT_EQ(config[0].text, R"({"X-B":"a\"b","X-A":1,"X-C":true,"X-D":null})");
}

TEST(TomlReader, ReportsSyntaxErrorsOfTheParser) {
  EXPECT_THAT(Problems("a = 1\nb = \n"),
              ElementsAre(HasSubstr("f:2:5: error: Error while parsing")));
  EXPECT_THAT(Problems("a = \"\xFF\"\n"), ElementsAre(HasSubstr("invalid utf-8")));
  EXPECT_THAT(Problems("a.b = \n"), ElementsAre(HasSubstr("f:1:7: error: Error while parsing")));
}

TEST(TomlReader, ReportsADuplicateKeyInTwoSpellings) {
  EXPECT_THAT(
      Problems("\"a.b\" = 1\n\n[a]\nb = 2\n"),
      ElementsAre("f:4:1: error: a.b: Is already given at line 1, column 1: keep one of them"));
  EXPECT_THAT(
      Problems("a.b = 1\na.b = 2\n"),
      ElementsAre("f:2:1: error: a.b: Is already given at line 1, column 1: keep one of them"));
}

TEST(TomlReader, ReportsADottedKeyThatNeedsQuotes) {
  const std::string expected =
      "value.converter.schemas.enable: TOML allows no dotted key next to a value for its prefix: "
      "write the key in quotes, \"value.converter.schemas.enable\" = ...";
  EXPECT_THAT(Problems("value.converter = \"x\"\nvalue.converter.schemas.enable = false\n"),
              ElementsAre("f:2:1: error: " + expected));
  EXPECT_THAT(Problems("value.converter.schemas.enable = false\nvalue.converter = \"x\"\n"),
              ElementsAre("f:1:1: error: " + expected));
}

TEST(TomlReader, LeavesTopicsWithTopicsRegexToValidation) {
  for (const std::string text :
       {"topics = [\"a\"]\ntopics.regex = \"b\"\n", "topics.regex = \"b\"\ntopics = \"a\"\n",
        "topics = [\"a\"]\n\"topics.regex\" = \"b\"\n"}) {
    EXPECT_EQ(Read(text).size(), 2u) << text;
  }
}

TEST(TomlReader, SurvivesAKeyOfManyParts) {
  std::string key = "a";
  for (int i = 0; i < 100'000; ++i) key += ".a";
  EXPECT_THAT(Problems(key + " = 1\n"), ElementsAre(HasSubstr("this many parts")));
  EXPECT_THAT(Problems("x = {" + key + " = 1}\n"), ElementsAre(HasSubstr("this many parts")));
}

TEST(TomlReader, IgnoresAByteOrderMark) {
  EXPECT_EQ(Read("\xEF\xBB\xBF"
                 "a = 1\n")
                .at(0)
                .position,
            (Position{1, 1}));
}

}  // namespace
}  // namespace khs::config
