#include <gtest/gtest.h>

#include "kafka/consumer.h"
#include "support/faulty_broker.h"

namespace khs::kafka {
namespace {

using namespace std::chrono_literals;

TEST(ConsumerOnMockCluster, LeavesBeforeItsFirstAssignmentWithoutAborting) {
  constexpr int kRebalanceInProgress = 27;
  khs::testing::FaultyBroker broker;
  broker.CreateTopic("t", 3);
  broker.FailAssignments(kRebalanceInProgress, 10'000);
  {
    Consumer consumer({{"t"}, {}, "g"}, {{"bootstrap.servers", broker.bootstrap_servers()},
                                         {"partition.assignment.strategy", "cooperative-sticky"}});
    // The member has joined after three seconds. No event says so.
    const auto until = std::chrono::steady_clock::now() + 5s;
    while (std::chrono::steady_clock::now() < until) {
      EXPECT_FALSE(std::holds_alternative<task::Assigned>(consumer.Poll(100ms, 0)));
    }
    consumer.Leave(500ms);
  }
  SUCCEED() << "librdkafka before 2.3 would have aborted";
}

}  // namespace
}  // namespace khs::kafka
