#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "kafka/consumer.h"
#include "support/faulty_broker.h"

namespace khs::kafka {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kTimeout = 60s;

TEST(ConsumerOnMockCluster, LeavesBeforeItsFirstAssignmentWithoutAborting) {
  constexpr int kRebalanceInProgress = 27;
  khs::testing::FaultyBroker broker;
  broker.CreateTopic("t", 3);
  broker.FailAssignments(kRebalanceInProgress, 10'000);
  {
    Consumer consumer({{"t"}, {}, "g"}, {{"bootstrap.servers", broker.bootstrap_servers()},
                                         {"partition.assignment.strategy", "cooperative-sticky"}});
    // The member has joined after three seconds. No event says so.
    const auto until = Clock::now() + 5s;
    while (Clock::now() < until) {
      EXPECT_FALSE(std::holds_alternative<task::Assigned>(consumer.Poll(100ms, 0)));
    }
    consumer.Leave(500ms);
  }
  SUCCEED() << "librdkafka before 2.3 would have aborted";
}

class LeavingConsumer : public ::testing::TestWithParam<const char*> {};

// The members join for three seconds. Some then have an assignment that was not polled, some one
// that was, and some still join.
TEST_P(LeavingConsumer, LeavesAtAnyMomentOfAJoin) {
  khs::testing::FaultyBroker broker;
  broker.CreateTopic("t", 4);
  std::vector<std::thread> members;
  for (int member = 0; member < 24; ++member) {
    members.emplace_back([&broker, member] {
      Consumer consumer({{"t"}, {}, "g" + std::to_string(member)},
                        {{"bootstrap.servers", broker.bootstrap_servers()},
                         {"partition.assignment.strategy", GetParam()}});
      const auto until = Clock::now() + 2'800ms + member * 20ms;
      while (member % 2 == 0 && Clock::now() < until) (void)consumer.Poll(5ms, 0);
      std::this_thread::sleep_until(until);  // the moment of the test's name
      const auto begin = Clock::now();
      consumer.Leave(kTimeout);
      EXPECT_LT(Clock::now() - begin, kTimeout) << "member " << member;
    });
  }
  for (std::thread& member : members) member.join();
}

// Topics change while a member has partitions, so that it finds several events when it leaves.
TEST_P(LeavingConsumer, LeavesWithUnansweredEvents) {
  khs::testing::FaultyBroker broker;
  broker.CreateTopic("t1", 2);
  const Properties properties{{"bootstrap.servers", broker.bootstrap_servers()},
                              {"topic.metadata.refresh.interval.ms", "50"},
                              {"partition.assignment.strategy", GetParam()}};
  const auto assigned = [&](Consumer& consumer) {
    const auto until = Clock::now() + kTimeout;
    while (Clock::now() < until) {
      const task::SourceEvent event = consumer.Poll(100ms, 0);
      if (std::holds_alternative<task::Revoked>(event)) consumer.CompleteRevoke();
      if (std::holds_alternative<task::Assigned>(event)) return true;
    }
    return false;
  };
  for (int round = 2; round < 4; ++round) {
    Consumer consumer({{}, "t.*", "g"}, properties);
    ASSERT_TRUE(assigned(consumer)) << "round " << round;
    for (int topic = 0; topic < round; ++topic) {
      broker.CreateTopic("t" + std::to_string(round) + "-" + std::to_string(topic), 1);
      std::this_thread::sleep_for(60ms);  // nothing tells that librdkafka has seen the topic
    }
    const auto begin = Clock::now();
    consumer.Leave(kTimeout);
    EXPECT_LT(Clock::now() - begin, kTimeout) << "round " << round;
  }
}

INSTANTIATE_TEST_SUITE_P(Protocols, LeavingConsumer,
                         ::testing::Values("range", "cooperative-sticky"),
                         [](const auto& one) { return one.index == 0 ? "Eager" : "Cooperative"; });

}  // namespace
}  // namespace khs::kafka
