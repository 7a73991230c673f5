// Tests group offsets with a real broker, whose state file is KAFKA_STATE (kafka/kafka.py).

#include "kafka/group_offsets.h"

#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <regex>
#include <sstream>

#include "kafka/cluster.h"
#include "kafka/consumer.h"
#include "kafka/producer.h"

namespace khs::kafka {
namespace {

using namespace std::chrono_literals;
using Offsets = std::vector<GroupOffset>;
using Kind = AdminError::Kind;

constexpr auto kTimeout = 30s;
constexpr int kPartitions = 3;

std::string FromState(const std::string& key) {
  const char* path = std::getenv("KAFKA_STATE");
  if (path == nullptr) return {};
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  const std::string state = text.str();
  std::smatch found;
  return std::regex_search(state, found, std::regex('"' + key + "\": \"([^\"]*)\""))
             ? found[1].str()
             : std::string();
}

// Creates a topic and waits until it exists.
void CreateTopic(const std::string& bootstrap, const std::string& topic) {
  std::array<char, 512> words{};
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap.c_str(), words.data(), words.size());
  const std::unique_ptr<rd_kafka_t, decltype(&rd_kafka_destroy)> client(
      rd_kafka_new(RD_KAFKA_PRODUCER, conf, words.data(), words.size()), rd_kafka_destroy);
  ASSERT_TRUE(client) << words.data();
  const std::unique_ptr<rd_kafka_queue_t, decltype(&rd_kafka_queue_destroy)> queue(
      rd_kafka_queue_new(client.get()), rd_kafka_queue_destroy);
  rd_kafka_NewTopic_t* wanted =
      rd_kafka_NewTopic_new(topic.c_str(), kPartitions, 1, words.data(), words.size());
  rd_kafka_CreateTopics(client.get(), &wanted, 1, nullptr, queue.get());
  const std::unique_ptr<rd_kafka_event_t, decltype(&rd_kafka_event_destroy)> event(
      rd_kafka_queue_poll(queue.get(), 30'000), rd_kafka_event_destroy);
  rd_kafka_NewTopic_destroy(wanted);
  ASSERT_TRUE(event);
  size_t count = 0;
  const rd_kafka_topic_result_t** results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
  ASSERT_EQ(count, 1u);
  ASSERT_EQ(rd_kafka_topic_result_error(results[0]), RD_KAFKA_RESP_ERR_NO_ERROR);
}

// Each test has its own topic and group, named after it.
class GroupOffsetsOnKafka : public ::testing::Test {
 protected:
  void SetUp() override {
    bootstrap_ = FromState("bootstrap");
    if (bootstrap_.empty()) {
      const char* required = std::getenv("REQUIRE_KAFKA");
      if (required != nullptr && std::string_view(required) == "1") {
        FAIL() << "REQUIRE_KAFKA=1 and KAFKA_STATE is not set";
      }
      GTEST_SKIP() << "*** NO KAFKA BROKER: KAFKA_STATE is not set ***";
    }
    name_ = ::testing::UnitTest::GetInstance()->current_test_info()->name();
    // Makes the name unique, because a broker may serve several runs.
    name_ += '-' + std::to_string(std::chrono::system_clock::now().time_since_epoch().count());
    ASSERT_NO_FATAL_FAILURE(CreateTopic(bootstrap_, name_));
    offsets_ = std::make_unique<GroupOffsets>(Mine());
  }

  Properties Mine() const { return {{"bootstrap.servers", bootstrap_}}; }
  base::TopicPartition Partition(int32_t number) const { return {name_, number}; }

  // Returns a member of the group that has all partitions.
  std::unique_ptr<Consumer> Join(task::Assigned& assigned) {
    auto consumer = std::make_unique<Consumer>(Subscription{{name_}, {}, name_}, Mine());
    const auto until = std::chrono::steady_clock::now() + kTimeout;
    while (std::chrono::steady_clock::now() < until) {
      task::SourceEvent event = consumer->Poll(1s, 0);
      if (auto* given = std::get_if<task::Assigned>(&event)) {
        assigned = std::move(*given);
        return consumer;
      }
    }
    ADD_FAILURE() << "the member got no partitions";
    return nullptr;
  }
  // Commits as a member, which then leaves the group.
  void CommitAsMember(const task::Positions& positions) {
    task::Assigned assigned;
    const auto consumer = Join(assigned);
    ASSERT_TRUE(consumer);
    const auto error = consumer->CommitAndWait(positions, kTimeout).error;
    ASSERT_FALSE(error) << error->text;
    consumer->Leave(kTimeout);
  }
  Offsets Listed() {
    auto listed = offsets_->List(name_, kTimeout);
    if (!listed) {
      ADD_FAILURE() << listed.error().text;
      return {};
    }
    std::sort(listed->begin(), listed->end(), [](const GroupOffset& one, const GroupOffset& other) {
      return one.topic_partition < other.topic_partition;
    });
    return *listed;
  }

  std::string bootstrap_;
  std::string name_;
  std::unique_ptr<GroupOffsets> offsets_;
};

TEST_F(GroupOffsetsOnKafka, ListsWhatAMemberCommitted) {
  CommitAsMember({{Partition(0), 5}, {Partition(2), 0}});
  EXPECT_EQ(Listed(), (Offsets{{Partition(0), 5}, {Partition(2), 0}}));
}

TEST_F(GroupOffsetsOnKafka, AnUnknownGroupHasNone) { EXPECT_EQ(Listed(), Offsets{}); }

TEST_F(GroupOffsetsOnKafka, AlterRemovesTheMetadataOfTheOldOffset) {
  // Without these records the offsets would be beyond the end of the log.
  Producer producer(Mine());
  for (int i = 0; i < 10; ++i) {
    for (const int partition : {0, 1, 2}) producer.Produce(name_, partition, "k", "v");
  }
  ASSERT_TRUE(producer.Flush(kTimeout));
  CommitAsMember({{Partition(0), 5, "saved"}, {Partition(1), 6, "saved"}});
  const auto altered = offsets_->Alter(name_, {{Partition(0), 3}, {Partition(2), 4}}, kTimeout);
  ASSERT_TRUE(altered) << altered.error().text;
  task::Assigned assigned;
  const auto consumer = Join(assigned);
  ASSERT_TRUE(consumer);
  std::sort(assigned.committed.begin(), assigned.committed.end(),
            [](const task::Position& one, const task::Position& other) {
              return one.topic_partition < other.topic_partition;
            });
  EXPECT_EQ(assigned.committed,
            (task::Positions{{Partition(0), 3}, {Partition(1), 6, "saved"}, {Partition(2), 4}}));
  consumer->Leave(kTimeout);
}

TEST_F(GroupOffsetsOnKafka, AlterCreatesTheGroup) {
  ASSERT_TRUE(offsets_->Alter(name_, {{Partition(1), 9}}, kTimeout));
  EXPECT_EQ(Listed(), (Offsets{{Partition(1), 9}}));
}

TEST_F(GroupOffsetsOnKafka, AlterSetsAndDeletesInOneCall) {
  CommitAsMember({{Partition(0), 5}, {Partition(1), 6}, {Partition(2), 7}});
  const auto altered =
      offsets_->Alter(name_, {{Partition(0), std::nullopt}, {Partition(1), 8}}, kTimeout);
  ASSERT_TRUE(altered) << altered.error().text;
  EXPECT_EQ(Listed(), (Offsets{{Partition(1), 8}, {Partition(2), 7}}));
}

TEST_F(GroupOffsetsOnKafka, DeletingMissingOffsetsSucceeds) {
  const auto altered = offsets_->Alter(name_, {{Partition(0), std::nullopt}}, kTimeout);
  EXPECT_TRUE(altered) << altered.error().text;
}

TEST_F(GroupOffsetsOnKafka, CannotChangeWhileTheGroupHasAMember) {
  CommitAsMember({{Partition(0), 5}});
  task::Assigned assigned;
  const auto consumer = Join(assigned);
  ASSERT_TRUE(consumer);
  const auto set = offsets_->Alter(name_, {{Partition(0), 3}}, kTimeout);
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().kind, Kind::kStillActive) << set.error().text;
  const auto deleted = offsets_->Alter(name_, {{Partition(0), std::nullopt}}, kTimeout);
  ASSERT_FALSE(deleted);
  EXPECT_EQ(deleted.error().kind, Kind::kStillActive) << deleted.error().text;
  const auto reset = offsets_->Reset(name_, kTimeout);
  ASSERT_FALSE(reset);
  EXPECT_EQ(reset.error().kind, Kind::kStillActive) << reset.error().text;
  EXPECT_EQ(Listed(), (Offsets{{Partition(0), 5}}));
  consumer->Leave(kTimeout);
  EXPECT_TRUE(offsets_->Alter(name_, {{Partition(0), 3}}, kTimeout));
}

TEST_F(GroupOffsetsOnKafka, ResetDeletesAll) {
  CommitAsMember({{Partition(0), 5}, {Partition(1), 6}});
  const auto reset = offsets_->Reset(name_, kTimeout);
  ASSERT_TRUE(reset) << reset.error().text;
  EXPECT_EQ(Listed(), Offsets{});
  const auto again = offsets_->Reset(name_, kTimeout);
  EXPECT_TRUE(again) << again.error().text;
}

TEST_F(GroupOffsetsOnKafka, AlterNamesAnUnknownTopicAndChangesNothing) {
  const Offsets wanted{{Partition(0), 3}, {{"no-such-topic", 1}, 3}};
  const auto set = offsets_->Alter(name_, wanted, kTimeout);
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().kind, Kind::kNoPartition);
  EXPECT_EQ(set.error().text, "The cluster has no topic no-such-topic");
  EXPECT_EQ(Listed(), Offsets{});
}

TEST_F(GroupOffsetsOnKafka, AreUnavailableWithWrongCredentials) {
  const std::string sasl = FromState("sasl_bootstrap");
  const GroupOffsets offsets(Properties{{"bootstrap.servers", sasl},
                                        {"security.protocol", "SASL_PLAINTEXT"},
                                        {"sasl.mechanism", "PLAIN"},
                                        {"sasl.username", "sink"},
                                        {"sasl.password", "wrong"}});
  const auto listed = offsets.List(name_, 2s);
  ASSERT_FALSE(listed);
  EXPECT_EQ(listed.error().kind, Kind::kUnavailable);
  EXPECT_NE(listed.error().text.find("uthentication"), std::string::npos) << listed.error().text;
}

TEST_F(GroupOffsetsOnKafka, DescribeClusterReturnsTheIdOfTheBroker) {
  const auto id = DescribeCluster(Mine(), kTimeout);
  ASSERT_TRUE(id) << id.error().text;
  EXPECT_EQ(id->brokers, 1u);
  EXPECT_EQ(id->id, "a2Fma2EtaHR0cC1zaW5rIA");  // set in kafka/kafka.py
}

}  // namespace
}  // namespace khs::kafka
