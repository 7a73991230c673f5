#include <gtest/gtest.h>

#include "kafka/consumer.h"
#include "kafka/embedded_broker.h"

namespace khs::kafka {
namespace {

using namespace std::chrono_literals;

TEST(ConsumerOnMockCluster, SurvivesAnEndBetweenJoiningAndItsFirstAssignment) {
  constexpr int kRebalanceInProgress = 27;
  EmbeddedBroker broker;
  broker.CreateTopic("t", 3);
  broker.FailAssignments(kRebalanceInProgress, 10'000);
  {
    Consumer consumer({{"t"}, {}, "g"}, {{"bootstrap.servers", broker.bootstrap_servers()},
                                         {"partition.assignment.strategy", "cooperative-sticky"}});
    // The group takes it in after three seconds, of which no event tells.
    const auto until = std::chrono::steady_clock::now() + 5s;
    while (std::chrono::steady_clock::now() < until) {
      EXPECT_FALSE(std::holds_alternative<task::Assigned>(consumer.Poll(100ms, 0)));
    }
    consumer.Leave(500ms);
  }
  SUCCEED() << "librdkafka before 2.3 would have aborted by now";
}

}  // namespace
}  // namespace khs::kafka
