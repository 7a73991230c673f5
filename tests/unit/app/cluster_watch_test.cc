#include "app/cluster_watch.h"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include "kafka/embedded_broker.h"

namespace khs::app {
namespace {

kafka::Properties ClientOf(const std::string& servers) { return {{"bootstrap.servers", servers}}; }

bool AwaitAnswer(const ClusterWatch& watch) {
  for (int looks = 0; looks < 600 && !watch.answers(); ++looks) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return watch.answers();
}

TEST(ClusterWatch, PollsWithPropertiesThatAreResolvedAnew) {
  const kafka::EmbeddedBroker broker;
  const ClusterWatch watch(ClientOf("127.0.0.1:1"), [&broker] {
    return std::optional(ClientOf(broker.bootstrap_servers()));
  });
  EXPECT_TRUE(AwaitAnswer(watch));
}

TEST(ClusterWatch, KeepsItsPropertiesWhileASecretCannotBeRead) {
  const kafka::EmbeddedBroker broker;
  const ClusterWatch watch(ClientOf(broker.bootstrap_servers()),
                           []() -> std::optional<kafka::Properties> { return std::nullopt; });
  EXPECT_TRUE(AwaitAnswer(watch));
}

}  // namespace
}  // namespace khs::app
