// What a consumer commits of a partition about which there is doubt.

#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

#include <chrono>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "kafka/consumer.h"
#include "kafka/embedded_broker.h"
#include "kafka/group_memory.h"
#include "kafka/producer.h"

namespace khs::kafka {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 60s;
const base::TopicPartition kPartition{"t", 0};

class GuardedCommitsOnMockCluster : public ::testing::Test {
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
                                      memory_);
  }
  template <class Event>
  Event Await(Consumer& consumer) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < until) {
      task::SourceEvent event = consumer.Poll(100ms, 1u << 20);
      if (auto* found = std::get_if<Event>(&event)) return std::move(*found);
    }
    ADD_FAILURE() << "the event has not come";
    return {};
  }
  // A client of librdkafka 2.4 to 2.9 does not survive a recreated topic: it asks to be replaced,
  // and the next one tells of the loss.
  task::Losses AwaitLosses() {
    const bool survives = rd_kafka_version() < 0x02040000 || rd_kafka_version() >= 0x020a0000;
    if (survives) return Await<task::Moved>(*consumer_).losses;
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

  EmbeddedBroker broker_;
  std::string group_ = "g";
  Properties properties_{{"bootstrap.servers", broker_.bootstrap_servers()}};
  std::shared_ptr<GroupMemory> memory_ = std::make_shared<GroupMemory>();
  std::unique_ptr<Consumer> consumer_;
};

TEST_F(GuardedCommitsOnMockCluster, CommitWhatStandsStillWhileItsCommitIsThere) {
  Await<task::Assigned>(*consumer_);
  Await<task::Records>(*consumer_);
  ASSERT_FALSE(consumer_->CommitAndWait({{kPartition, 1}}, kPatience).error);
  // Where reading goes on can't be found out: first that is told, then nothing comes any more.
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

TEST_F(GuardedCommitsOnMockCluster, WithholdWhatIsOfARecreatedTopicUntilItStartsOver) {
  Await<task::Assigned>(*consumer_);
  // Brokers delete a group's commits together with a topic.
  memory_->Note(kPartition, 3, 5);
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

// librdkafka joins again by itself, and would commit as the member that it has become.
TEST_F(GuardedCommitsOnMockCluster, CommitNothingOfALostAssignmentWhoseLossIsNotTakenYet) {
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

// librdkafka 2.1 and later takes an error for a record, and goes on behind it after a pause.
TEST_F(GuardedCommitsOnMockCluster, LeaveOutNoRecordAfterAnErrorAndAPause) {
  broker_.FailFetches({kTopicAuthorizationFailed});
  Await<task::Assigned>(*consumer_);
  EXPECT_EQ(Await<task::SourceError>(*consumer_).code, "TOPIC_AUTHORIZATION_FAILED");
  consumer_->Pause({kPartition});
  consumer_->Resume({kPartition});
  EXPECT_EQ(Await<task::Records>(*consumer_).front().offset, 0);
}

}  // namespace
}  // namespace khs::kafka
