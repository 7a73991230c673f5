// Changes to a group's offsets on librdkafka's mock cluster. It can neither list nor delete them;
// tests/e2e tests that on a real broker.

#include "kafka/group_offsets.h"

#include <gtest/gtest.h>

#include "kafka/cluster.h"
#include "kafka/consumer.h"
#include "kafka/producer.h"
#include "support/faulty_broker.h"

namespace khs::kafka {
namespace {

using namespace std::chrono_literals;

constexpr auto kTimeout = 30s;

class GroupOffsetsOnMockCluster : public ::testing::Test {
 protected:
  GroupOffsetsOnMockCluster() { broker_.CreateTopic("t", 3); }
  Properties ClientProperties() const {
    return {{"bootstrap.servers", broker_.bootstrap_servers()}};
  }

  khs::testing::FaultyBroker broker_;
  const GroupOffsets offsets_{ClientProperties()};
};

TEST_F(GroupOffsetsOnMockCluster, AreWhereTheNextMemberStarts) {
  Producer producer(ClientProperties());
  for (int i = 0; i < 10; ++i) {
    for (const int partition : {0, 2}) producer.Produce("t", partition, "k", "v");
  }
  ASSERT_TRUE(producer.Flush(kTimeout));
  const auto altered = offsets_.Alter("g", {{{"t", 0}, 7}, {{"t", 2}, 9}}, kTimeout);
  ASSERT_TRUE(altered) << altered.error().text;
  Consumer consumer({{"t"}, {}, "g"}, ClientProperties());
  const auto until = std::chrono::steady_clock::now() + kTimeout;
  while (std::chrono::steady_clock::now() < until) {
    const task::SourceEvent event = consumer.Poll(1s, 0);
    if (const auto* assigned = std::get_if<task::Assigned>(&event)) {
      EXPECT_EQ(assigned->committed, (task::Positions{{{"t", 0}, 7}, {{"t", 2}, 9}}));
      EXPECT_EQ(assigned->begins, (task::Positions{{{"t", 1}, 0}}));
      EXPECT_TRUE(assigned->losses.empty());
      return;
    }
  }
  FAIL() << "nothing was assigned";
}

TEST_F(GroupOffsetsOnMockCluster, RetryWhileTheCoordinatorChanges) {
  broker_.FailCommits({14, 15, 16});  // loading, not available, not the coordinator
  const auto altered = offsets_.Alter("g", {{{"t", 0}, 7}}, kTimeout);
  EXPECT_TRUE(altered) << altered.error().text;
}

TEST_F(GroupOffsetsOnMockCluster, ReportTheErrorOfAPartition) {
  broker_.FailCommits({29});  // not authorized for the topic
  const auto altered = offsets_.Alter("g", {{{"t", 1}, 7}}, kTimeout);
  ASSERT_FALSE(altered);
  EXPECT_EQ(altered.error().kind, AdminError::Kind::kFailed);
  EXPECT_NE(altered.error().text.find("uthoriz"), std::string::npos) << altered.error().text;
}

TEST_F(GroupOffsetsOnMockCluster, OfUnknownPartitionsAreRejectedByName) {
  for (const auto& [topic_partition, text] :
       {std::pair(base::TopicPartition{"no-such-topic", 0},
                  "The cluster has no topic no-such-topic"),
        std::pair(base::TopicPartition{"t", 3}, "The topic t has no partition 3")}) {
    for (const std::optional<int64_t> offset : {std::optional<int64_t>(7), {}}) {
      const auto altered =
          offsets_.Alter("g", {{{"t", 0}, 7}, {topic_partition, offset}}, kTimeout);
      ASSERT_FALSE(altered);
      EXPECT_EQ(altered.error().kind, AdminError::Kind::kNoPartition);
      EXPECT_EQ(altered.error().text, text);
    }
  }
}

TEST_F(GroupOffsetsOnMockCluster, OfAGroupWithMembersAreNotChanged) {
  broker_.FailCommits({25});  // unknown member: the group has others
  const auto altered = offsets_.Alter("g", {{{"t", 1}, 7}}, kTimeout);
  ASSERT_FALSE(altered);
  EXPECT_EQ(altered.error().kind, AdminError::Kind::kStillActive) << altered.error().text;
}

TEST_F(GroupOffsetsOnMockCluster, AreUnavailableWhileTheBrokerIsDown) {
  broker_.SetDown(true);
  const auto listed = offsets_.List("g", 300ms);
  ASSERT_FALSE(listed);
  EXPECT_EQ(listed.error().kind, AdminError::Kind::kUnavailable) << listed.error().text;
}

TEST_F(GroupOffsetsOnMockCluster, ClusterIdIsTheBrokers) {
  const auto id = DescribeCluster(ClientProperties(), kTimeout);
  ASSERT_TRUE(id) << id.error().text;
  EXPECT_FALSE(id->id.empty());
  EXPECT_EQ(id->brokers, 1u);
}

}  // namespace
}  // namespace khs::kafka
