#include "kafka/record_reader.h"

#include <gtest/gtest.h>

#include <chrono>

#include "kafka/producer.h"
#include "support/faulty_broker.h"

namespace khs::kafka {
namespace {

using namespace std::chrono_literals;

constexpr auto kTimeout = 30s;

class RecordReaderOnMockCluster : public ::testing::Test {
 protected:
  RecordReaderOnMockCluster() { broker_.CreateTopic("t", 2); }
  Properties ClientProperties() const {
    return {{"bootstrap.servers", broker_.bootstrap_servers()},
            {"group.id", "g"},
            {"group.instance.id", "i"}};
  }

  khs::testing::FaultyBroker broker_;
};

TEST_F(RecordReaderOnMockCluster, ReadsTheRecordAtAnOffset) {
  Producer producer({{"bootstrap.servers", broker_.bootstrap_servers()}});
  for (const char* value : {"0", "1", "2"}) producer.Produce("t", 1, "k", value);
  producer.Produce("t", 1, std::nullopt, std::nullopt);
  ASSERT_TRUE(producer.Flush(kTimeout));
  const auto record = ReadRecordAt(ClientProperties(), {"t", 1}, 1, kTimeout);
  ASSERT_TRUE(record) << record.error().text;
  EXPECT_EQ(record->topic_partition, (base::TopicPartition{"t", 1}));
  EXPECT_EQ(record->offset, 1);
  EXPECT_EQ(record->key, "k");
  EXPECT_EQ(record->value, "1");
  const auto tombstone = ReadRecordAt(ClientProperties(), {"t", 1}, 3, kTimeout);
  ASSERT_TRUE(tombstone) << tombstone.error().text;
  EXPECT_EQ(tombstone->key, std::nullopt);
  EXPECT_EQ(tombstone->value, std::nullopt);

  const auto beyond = ReadRecordAt(ClientProperties(), {"t", 1}, 4, kTimeout);
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().text, "the partition has the offsets 0 to 3");
  EXPECT_EQ(ReadRecordAt(ClientProperties(), {"t", 0}, 0, kTimeout).error().text,
            "the partition is empty");
}

TEST_F(RecordReaderOnMockCluster, ReportsAPartitionThatDoesNotExist) {
  const auto record = ReadRecordAt(ClientProperties(), {"t", 7}, 0, kTimeout);
  ASSERT_FALSE(record);
  EXPECT_EQ(record.error().text, "there is no such partition");
}

TEST(RecordReader, ReportsWhyNoBrokerAnswers) {
  const auto record = ReadRecordAt({{"bootstrap.servers", "127.0.0.1:1"}}, {"t", 0}, 0, 2s);
  ASSERT_FALSE(record);
  EXPECT_NE(record.error().text.find("Connection refused"), std::string::npos)
      << record.error().text;
}

TEST(RecordReader, ReportsPropertiesThatFitNoClient) {
  const auto record = ReadRecordAt({{"no.such.property", "x"}}, {"t", 0}, 0, kTimeout);
  ASSERT_FALSE(record);
  EXPECT_NE(record.error().text.find("no.such.property"), std::string::npos) << record.error().text;
}

}  // namespace
}  // namespace khs::kafka
