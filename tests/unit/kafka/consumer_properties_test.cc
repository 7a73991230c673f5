#include "kafka/consumer_properties.h"

#include <gmock/gmock.h>

#include "kafka/consumer.h"

namespace khs::kafka {
namespace {

using ::testing::HasSubstr;

const Subscription kByName{{"t"}, {}, "g"};

TEST(ConsumerProperties, ExpireASessionAfterTenSeconds) {
  const Properties all = ConsumerProperties(kByName, {});
  EXPECT_EQ(all.at("session.timeout.ms"), "10000");
  EXPECT_EQ(all.at("heartbeat.interval.ms"), "3000");
}

TEST(ConsumerProperties, FitThreeHeartbeatsIntoAShorterSession) {
  const auto heartbeat = [](const Properties& properties) {
    return ConsumerProperties(kByName, properties).at("heartbeat.interval.ms");
  };
  EXPECT_EQ(heartbeat({{"session.timeout.ms", "6000"}}), "2000");
  EXPECT_EQ(heartbeat({{"session.timeout.ms", "45000"}}), "3000");
  EXPECT_EQ(heartbeat({{"session.timeout.ms", "6000"}, {"heartbeat.interval.ms", "500"}}), "500");
}

TEST(ConsumerProperties, AreRejectedWhenHeartbeatsComeTooLate) {
  EXPECT_THAT(TryConsumer(kByName, {{"heartbeat.interval.ms", "15000"}}).value_or(""),
              HasSubstr("heartbeat.interval.ms must be lower than session.timeout.ms"));
  EXPECT_FALSE(
      TryConsumer(kByName, {{"heartbeat.interval.ms", "15000"}, {"session.timeout.ms", "45000"}}));
}

TEST(ConsumerProperties, ExcludeTopicsOfARegularExpressionByTheirWholeNames) {
  Subscription subscription{{}, ".*", "g"};
  subscription.excluded_topics = {"__consumer_offsets", "my.dead-letters"};
  EXPECT_EQ(ConsumerProperties(subscription, {}).at("topic.blacklist"),
            "^__consumer_offsets$,^my\\.dead-letters$");
  EXPECT_EQ(ConsumerProperties(subscription, {{"topic.blacklist", "^x"}}).at("topic.blacklist"),
            "^x,^__consumer_offsets$,^my\\.dead-letters$");
}

// If the blacklist matched one of the topics, librdkafka would read none, without an error.
TEST(ConsumerProperties, HaveNoBlacklistWhenTopicsAreNamed) {
  EXPECT_FALSE(ConsumerProperties(kByName, {{"topic.blacklist", "t"}}).contains("topic.blacklist"));
}

}  // namespace
}  // namespace khs::kafka
