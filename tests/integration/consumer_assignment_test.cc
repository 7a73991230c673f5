#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <variant>
#include <vector>

#include "kafka/consumer.h"
#include "kafka/producer.h"
#include "support/faulty_broker.h"

namespace khs::kafka {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 60s;
constexpr int kGroupAuthorizationFailed = 30;

// When a topic is created while an assignment waits for its start offsets, librdkafka joins the
// group again without a revocation. Records of that assignment must not be read, because they could
// not be committed and would come again with the next assignment.
TEST(ConsumerOnMockCluster, DropsAnAssignmentWhenTopicsChangeBeforeItIsAnswered) {
  khs::testing::FaultyBroker broker;
  broker.CreateTopic("t1", 1);
  // The start offsets cannot be determined, so the assignment waits.
  broker.FailCommittedOffsets(std::vector<int>(1'000, kGroupAuthorizationFailed));
  Consumer consumer({{}, "t.*", "g"}, {{"bootstrap.servers", broker.bootstrap_servers()},
                                       {"topic.metadata.refresh.interval.ms", "100"}});
  const auto until = std::chrono::steady_clock::now() + kPatience;
  int failures = 0;
  std::vector<task::Partitions> assigned;
  while (std::chrono::steady_clock::now() < until &&
         (assigned.empty() || assigned.back().size() < 2)) {
    const task::SourceEvent event = consumer.Poll(100ms, 0);
    const auto* const error = std::get_if<task::SourceError>(&event);
    if (error != nullptr && error->code == "GROUP_AUTHORIZATION_FAILED") {
      ++failures;
      if (failures == 1) broker.CreateTopic("t2", 1);
      if (failures == 2) broker.FailCommittedOffsets({});
    }
    if (const auto* given = std::get_if<task::Assigned>(&event))
      assigned.push_back(given->partitions);
    if (std::holds_alternative<task::Revoked>(event)) {
      assigned.clear();
      consumer.CompleteRevoke();
    }
  }
  EXPECT_EQ(assigned, (std::vector<task::Partitions>{{{"t1", 0}, {"t2", 0}}}))
      << "two assignments without a revocation between them";
  consumer.Leave(1s);
}

// The topics change a second time before the revocation for the first change was polled. librdkafka
// then joins again without an answer to it, and another member may get the partitions that this one
// still has. The broker would accept a commit as that of a member of the new generation.
TEST(ConsumerOnMockCluster, CommitsNothingAfterRejoiningWithoutARevocation) {
  khs::testing::FaultyBroker broker;
  broker.CreateTopic("t1", 1);
  const Properties properties{{"bootstrap.servers", broker.bootstrap_servers()},
                              {"topic.metadata.refresh.interval.ms", "100"}};
  const auto await_assigned = [](Consumer& consumer) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < until) {
      const task::SourceEvent event = consumer.Poll(100ms, 0);
      if (std::holds_alternative<task::Assigned>(event)) return true;
    }
    return false;
  };
  Consumer first({{}, "t.*", "g"}, properties);
  ASSERT_TRUE(await_assigned(first));
  ASSERT_FALSE(first.CommitAndWait({{{"t1", 0}, 1}}, kPatience).error);
  // As long as nothing is polled, only a failed commit shows that the member has joined again.
  task::Committed late;
  for (int topic = 2; !late.error && topic < 20; ++topic) {
    broker.CreateTopic("t" + std::to_string(topic), 1);
    const auto until = std::chrono::steady_clock::now() + 1s;
    while (!late.error && std::chrono::steady_clock::now() < until) {
      late = first.CommitAndWait({{{"t1", 0}, 1}}, kPatience);
    }
  }
  ASSERT_TRUE(late.error);  // of any kind, because it may have been in flight when the join began
  late = first.CommitAndWait({{{"t1", 0}, 1}}, kPatience);
  ASSERT_TRUE(late.error);
  EXPECT_EQ(late.error->text, "the partitions are lost");
  const task::SourceEvent event = first.Poll(100ms, 0);
  ASSERT_TRUE(std::holds_alternative<task::Revoked>(event));
  EXPECT_TRUE(std::get<task::Revoked>(event).lost);
  first.CompleteRevoke();
  EXPECT_TRUE(await_assigned(first));
  first.Leave(1s);
}

// As above, but the first revocation was polled and is not yet answered when the topics change
// again.
TEST(ConsumerOnMockCluster, ReadsOnAfterRejoiningBeforeARevocationIsAnswered) {
  khs::testing::FaultyBroker broker;
  broker.CreateTopic("t1", 1);
  Producer producer({{"bootstrap.servers", broker.bootstrap_servers()}});
  producer.Produce("t1", 0, "k", "first");
  producer.Flush(kPatience);
  Consumer consumer({{}, "t.*", "g"}, {{"bootstrap.servers", broker.bootstrap_servers()},
                                       {"topic.metadata.refresh.interval.ms", "100"}});
  const auto await = [&consumer](const auto& is_wanted) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < until) {
      const task::SourceEvent event = consumer.Poll(100ms, 1u << 20);
      if (is_wanted(event)) return true;
    }
    return false;
  };
  const auto is_revoked = [](bool lost) {
    return [lost](const task::SourceEvent& event) {
      const auto* const revoked = std::get_if<task::Revoked>(&event);
      return revoked != nullptr && revoked->lost == lost;
    };
  };
  const auto has_records = [](const task::SourceEvent& event) {
    return std::holds_alternative<task::Records>(event);
  };
  const auto is_assigned = [](const task::SourceEvent& event) {
    return std::holds_alternative<task::Assigned>(event);
  };
  ASSERT_TRUE(await(has_records));
  broker.CreateTopic("t2", 1);
  ASSERT_TRUE(await(is_revoked(false)));
  broker.CreateTopic("t3", 1);
  ASSERT_TRUE(await(is_revoked(true)));
  consumer.CompleteRevoke();
  ASSERT_TRUE(await(is_assigned));
  producer.Produce("t1", 0, "k", "second");
  producer.Flush(kPatience);
  EXPECT_TRUE(await(has_records));
  consumer.Leave(1s);
}

}  // namespace
}  // namespace khs::kafka
