// What a consumer commits of suspect partitions.

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "kafka/consumer.h"
#include "kafka/group_history.h"
#include "kafka/producer.h"
#include "kafka/workarounds/recreated_topic.h"
#include "support/faulty_broker.h"

namespace khs::kafka {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 60s;
const base::TopicPartition kPartition{"t", 0};

class OffsetCommitterOnMockCluster : public ::testing::Test {
 protected:
  static constexpr int kOffsetOutOfRange = 1;
  static constexpr int kGroupAuthorizationFailed = 30;
  static constexpr int kTopicAuthorizationFailed = 29;

  void SetUp() override {
    broker_.CreateTopic("t", 1);
    Producer producer({{"bootstrap.servers", broker_.bootstrap_servers()}});
    for (int i = 0; i < 5; ++i) producer.Produce("t", 0, "k", "x");
    producer.Flush(kPatience);
    consumer_ = Join();
  }

  std::unique_ptr<Consumer> Join() {
    return std::make_unique<Consumer>(Subscription{{"t"}, {}, group_}, properties_, nullptr,
                                      history_);
  }
  template <class Event>
  Event Await(Consumer& consumer) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < until) {
      task::SourceEvent event = consumer.Poll(100ms, 1u << 20);
      if (auto* found = std::get_if<Event>(&event)) return std::move(*found);
    }
    ADD_FAILURE() << "the event did not come in time";
    return {};
  }
  // See kafka/workarounds/recreated_topic.h: a client that does not survive asks to be replaced,
  // and the next client reports the loss.
  task::Losses AwaitLosses() {
    if (SurvivesRecreatedTopic()) return Await<task::Moved>(*consumer_).losses;
    const auto error = Await<task::SourceError>(*consumer_);
    EXPECT_EQ(error.error_class, task::ErrorClass::kObsolete);
    EXPECT_EQ(error.code, "TOPIC_RECREATED");
    consumer_->Leave(std::chrono::milliseconds(kPatience));
    consumer_ = Join();
    return Await<task::Assigned>(*consumer_).losses;
  }
  // The offset that the group's next member finds committed.
  int64_t CommittedAfterLeaving() {
    consumer_->Leave(std::chrono::milliseconds(kPatience));
    consumer_ = Join();
    const auto assigned = Await<task::Assigned>(*consumer_);
    return assigned.committed.size() == 1 ? assigned.committed[0].offset : -1;
  }

  khs::testing::FaultyBroker broker_;
  std::string group_ = "g";
  Properties properties_{{"bootstrap.servers", broker_.bootstrap_servers()}};
  std::shared_ptr<GroupHistory> history_ = std::make_shared<GroupHistory>();
  std::unique_ptr<Consumer> consumer_;
};

TEST_F(OffsetCommitterOnMockCluster, CommitsASuspectPartitionWhoseCommitExists) {
  Await<task::Assigned>(*consumer_);
  Await<task::Records>(*consumer_);
  ASSERT_FALSE(consumer_->CommitAndWait({{kPartition, 1}}, kPatience).error);
  // The next offset cannot be determined, so the partition stays suspect and is not read.
  broker_.FailCommittedOffsets({kGroupAuthorizationFailed});
  broker_.FailLogOffsets(std::vector<int>(1'000, kTopicAuthorizationFailed));
  broker_.FailFetches({kOffsetOutOfRange});
  Await<task::SourceError>(*consumer_);
  const task::Committed last = consumer_->CommitAndWait({{kPartition, 5}}, kPatience);
  EXPECT_FALSE(last.error) << last.error->text;
  EXPECT_EQ(last.withheld, task::Partitions());
  broker_.FailLogOffsets({});
  EXPECT_EQ(CommittedAfterLeaving(), 5);
}

TEST_F(OffsetCommitterOnMockCluster, WithholdsCommitsOfARecreatedTopicUntilItStartsOver) {
  Await<task::Assigned>(*consumer_);
  // Brokers delete a group's commits together with a topic.
  history_->RecordCommit(kPartition, 3, 5);
  const task::Committed last = consumer_->CommitAndWait({{kPartition, 4}}, kPatience);
  EXPECT_FALSE(last.error) << last.error->text;
  EXPECT_EQ(last.withheld, task::Partitions{kPartition});
  const task::Losses losses = AwaitLosses();
  ASSERT_EQ(losses.size(), 1u);
  EXPECT_EQ(losses[0].reason, delivery::LossReason::kRecreated);
  const task::Committed next = consumer_->CommitAndWait({{kPartition, 2}}, kPatience);
  EXPECT_FALSE(next.error) << next.error->text;
  EXPECT_EQ(next.withheld, task::Partitions());
  EXPECT_EQ(CommittedAfterLeaving(), 2);
}

// librdkafka joins again by itself, and would commit as a member of the new generation.
TEST_F(OffsetCommitterOnMockCluster, CommitsNothingOfALostAssignmentBeforeTheLossIsPolled) {
  group_ = "cooperative";
  properties_["partition.assignment.strategy"] = "cooperative-sticky";
  properties_["session.timeout.ms"] = "6000";
  consumer_ = Join();
  Await<task::Assigned>(*consumer_);
  ASSERT_FALSE(consumer_->CommitAndWait({{kPartition, 1}}, kPatience).error);
  broker_.SetDown(true);
  const auto until = std::chrono::steady_clock::now() + kPatience;
  task::Committed last;
  do {
    last = consumer_->CommitAndWait({{kPartition, 3}}, 100ms);
    ASSERT_TRUE(last.error);
  } while (!last.error->excluded && std::chrono::steady_clock::now() < until);
  EXPECT_EQ(last.error->text, "the partitions are lost");
  broker_.SetDown(false);
  last = consumer_->CommitAndWait({{kPartition, 3}}, kPatience);
  ASSERT_TRUE(last.error);
  EXPECT_EQ(last.error->text, "the partitions are lost");
  EXPECT_TRUE(Await<task::Revoked>(*consumer_).lost);
  consumer_->CompleteRevoke();
  EXPECT_EQ(CommittedAfterLeaving(), 1);
}

// See kafka/workarounds/position_after_error.h.
TEST_F(OffsetCommitterOnMockCluster, SkipsNoRecordAfterAnErrorAndAPause) {
  broker_.FailFetches({kTopicAuthorizationFailed});
  Await<task::Assigned>(*consumer_);
  EXPECT_EQ(Await<task::SourceError>(*consumer_).code, "TOPIC_AUTHORIZATION_FAILED");
  consumer_->Pause({kPartition});
  consumer_->Resume({kPartition});
  EXPECT_EQ(Await<task::Records>(*consumer_).front().offset, 0);
}

}  // namespace
}  // namespace khs::kafka
