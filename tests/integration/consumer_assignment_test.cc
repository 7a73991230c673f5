#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <variant>
#include <vector>

#include "kafka/consumer.h"
#include "kafka/embedded_broker.h"

namespace khs::kafka {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 60s;
constexpr int kGroupAuthorizationFailed = 30;

// When a topic appears while an assignment waits for its start offsets, librdkafka joins the group
// anew without a revocation. The assignment that waited must not be read from: what is read of it
// can't be committed, and comes again with the next one.
TEST(ConsumerOnMockCluster, ReadsNoAssignmentThatWasOvertakenByAChangedTopic) {
  EmbeddedBroker broker;
  broker.CreateTopic("t1", 1);
  // Where reading starts can't be found out: the assignment waits.
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
      << "one after the other, without a revocation between them";
  consumer.Leave(1s);
}

}  // namespace
}  // namespace khs::kafka
