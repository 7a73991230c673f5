#include "config/record_file.h"

#include <gmock/gmock.h>

#include <chrono>
#include <optional>
#include <string>

#include "unit/config/listing.h"

namespace khs::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

delivery::Record Read(std::string_view text) {
  auto record = ReadRecord("r.json", text, "orders");
  EXPECT_TRUE(record) << text << ": " << Listing(record.error()).at(0);
  return record.value_or(delivery::Record{});
}

TEST(RecordFile, HasAllPartsOfARecord) {
  const delivery::Record record = Read(R"({
    "topic": "t", "partition": 3, "offset": 9007199254740993, "timestamp": 1769940000123,
    "key": "k\u00e4y", "value": "v\n", "headers": {"a": "1", "b": null, "": ""}})");
  EXPECT_EQ(record.topic_partition, (base::TopicPartition{"t", 3}));
  EXPECT_EQ(record.offset, 9007199254740993);
  EXPECT_EQ(record.timestamp, std::chrono::milliseconds(1'769'940'000'123));
  EXPECT_EQ(record.key, "k\xc3\xa4y");
  EXPECT_EQ(record.value, "v\n");
  ASSERT_EQ(record.headers.size(), 3u);
  EXPECT_EQ(record.headers[0].name, "a");
  EXPECT_EQ(record.headers[0].value, "1");
  EXPECT_EQ(record.headers[1].value, std::nullopt);
  EXPECT_EQ(record.headers[2].name, "");
}

TEST(RecordFile, DefaultsToATombstoneAtTheFirstOffset) {
  const delivery::Record record = Read("{}");
  EXPECT_EQ(record.topic_partition, (base::TopicPartition{"orders", 0}));
  EXPECT_EQ(record.offset, 0);
  EXPECT_EQ(record.timestamp, std::nullopt);
  EXPECT_EQ(record.key, std::nullopt);
  EXPECT_EQ(record.value, std::nullopt);
  const delivery::Record nulls =
      Read(R"({"timestamp": null, "key": null, "value_base64": null, "headers": null})");
  EXPECT_EQ(nulls.timestamp, std::nullopt);
  EXPECT_EQ(nulls.value, std::nullopt);
}

TEST(RecordFile, TakesJsonAsItIsWritten) {
  for (const char* json : {R"({ "a": 1.50, "a":"\u0041" })", "[1, 2 ]", "1e3", "true", "-0"}) {
    EXPECT_EQ(Read(std::string(R"({"key": 7, "value" : )") + json + " }").value, json);
  }
  EXPECT_EQ(Read("\xef\xbb\xbf{\"value\":{\"a\":1}}").value, "{\"a\":1}");
}

TEST(RecordFile, TakesBytesAsBase64) {
  const delivery::Record record = Read(R"({"key_base64": "AP8=", "value_base64": "", "headers": [
    {"name": "h", "value_base64": "/w=="}, {"value": "x", "name": "h"}, {"name": "n"}]})");
  EXPECT_EQ(record.key, std::string("\0\xff", 2));
  EXPECT_EQ(record.value, "");
  ASSERT_EQ(record.headers.size(), 3u);
  EXPECT_EQ(record.headers[0].value, "\xff");
  EXPECT_EQ(record.headers[1].value, "x");
  EXPECT_EQ(record.headers[2].value, std::nullopt);
}

TEST(RecordFile, TakesEveryNameOfAHeaderInAnObject) {
  const delivery::Record record =
      Read(R"({"headers": {"value_base64": "not base64", "value": null, "name": "n"}})");
  ASSERT_EQ(record.headers.size(), 3u);
  EXPECT_EQ(record.headers[0].name, "value_base64");
  EXPECT_EQ(record.headers[0].value, "not base64");
  EXPECT_EQ(record.headers[1].value, std::nullopt);
  EXPECT_EQ(record.headers[2].value, "n");
}

TEST(RecordFile, IsRejectedWithThePlaceOfTheMistake) {
  const struct {
    std::string text;
    std::string problem;
  } cases[] = {
      {"", "r.json:1:1: error: Not valid JSON"},
      {"[]", "r.json:1:1: error: A JSON object is expected"},
      {"{\n \"offest\": 1}", "r.json:2:2: error: offest: Unknown: topic, partition, offset"},
      {R"({"topic": ""})", "r.json:1:2: error: topic: Must be a text that is not empty"},
      {R"({"topic": 1})", "topic: Must be a text"},
      {R"({"partition": -1})", "partition: Must be a whole number that is not negative"},
      {R"({"partition": 2147483648})", "partition: Must be a whole number"},
      {R"({"partition": "1"})", "partition: Must be a whole number"},
      {R"({"offset": 1.5})", "offset: Must be a whole number"},
      {R"({"offset": null})", "offset: Must be a whole number"},
      {R"({"timestamp": "now"})", "timestamp: Must be a whole number"},
      {R"({"key_base64": "a"})", "key_base64: Must be base64"},
      {R"({"value_base64": 1})", "value_base64: Must be base64"},
      {R"({"value": 1, "value_base64": "AA=="})",
       "r.json:1:14: error: value_base64: Is already given as value"},
      {R"({"key": 1, "key": 2})", "key: Is already given as key"},
      {R"({"headers": "a"})", "headers: Must be an object of texts, or a list of"},
      {R"({"headers": {"a": 1}})", "r.json:1:14: error: a: Must be a text or null"},
      {R"({"headers": [1]})", "headers: Must be an object of texts, or a list of"},
      {R"({"headers": [{"value": "x"}]})", "headers: Must be an object of texts, or a list of"},
      {R"({"headers": [{"name": "a", "x": "x"}]})", "x: Must be an object of texts"},
      {R"({"headers": [{"name": "a", "value": {}}]})", "value: Must be a text or null"},
  };
  for (const auto& [text, problem] : cases) {
    const auto record = ReadRecord("r.json", text, "orders");
    ASSERT_FALSE(record) << text;
    EXPECT_THAT(Listing(record.error()), ElementsAre(HasSubstr(problem))) << text;
  }
}

}  // namespace
}  // namespace khs::config
