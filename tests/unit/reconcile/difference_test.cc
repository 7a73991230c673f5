#include "reconcile/difference.h"

#include <gtest/gtest.h>

#include <functional>

namespace khs::reconcile {
namespace {

using namespace std::chrono_literals;
using config::ConnectorConfig;

ConnectorConfig Base() {
  ConnectorConfig config;
  config.kafka = {{"bootstrap.servers", "b:9092"}, {"sasl.username", "u"}, {"sasl.password", "p"}};
  config.dead_letters.topic = "dead";
  return config;
}

Difference After(const std::function<void(ConnectorConfig&)>& change) {
  ConnectorConfig changed = Base();
  change(changed);
  return Compare(Base(), changed);
}

TEST(Difference, IsEmptyForEqualDefinitions) {
  EXPECT_FALSE(After([](auto&) {}).any());
}

TEST(Difference, OfTheEndpointNeedsNoNewConsumer) {
  const Difference endpoint{.endpoint = true};
  EXPECT_EQ(After([](auto& c) { c.endpoint.url = "http://other/"; }), endpoint);
  EXPECT_EQ(After([](auto& c) { c.endpoint.method = "PUT"; }), endpoint);
  EXPECT_EQ(After([](auto& c) { c.endpoint.headers = {{"A", "b"}}; }), endpoint);
  EXPECT_EQ(After([](auto& c) { c.endpoint.read_timeout = 1s; }), endpoint);
  EXPECT_EQ(After([](auto& c) { c.endpoint.tls.content = 1; }), endpoint);
  EXPECT_EQ(After([](auto& c) { c.endpoint.cloud_events.type = "t"; }), endpoint);
  EXPECT_EQ(After([](auto& c) { c.endpoint.signature.keys = {{.bytes = "new"}}; }), endpoint);
  EXPECT_EQ(After([](auto& c) { c.endpoint.auth.header_value = "Bearer new"; }), endpoint);
  EXPECT_EQ(After([](auto& c) { c.endpoint.auth.oauth2.client_secret = "new"; }), endpoint);
}

TEST(Difference, OfTheTermsNeedsNoNewConsumer) {
  const Difference terms{.terms = true};
  EXPECT_EQ(After([](auto& c) { c.policy.strategy = delivery::Strategy::kStopTask; }), terms);
  EXPECT_EQ(After([](auto& c) { c.policy.retry_backoff = {1s}; }), terms);
  EXPECT_EQ(After([](auto& c) { c.policy.request_delay = 1s; }), terms);
  EXPECT_EQ(After([](auto& c) { c.policy.max_in_flight = 3; }), terms);
  EXPECT_EQ(After([](auto& c) { c.offset_flush_interval = 5s; }), terms);
  EXPECT_EQ(After([](auto& c) { c.policy.null_values = delivery::NullValues::kDelete; }),
            (Difference{.endpoint = true, .terms = true}));
  EXPECT_EQ(After([](auto& c) { c.dead_letters.topic = "other"; }),
            (Difference{.dead_letters = true}));
}

TEST(Difference, OfCredentialsRenewsThem) {
  EXPECT_EQ(After([](auto& c) { c.kafka["sasl.password"] = "new"; }),
            (Difference{.dead_letters = true, .credentials = true}));
  ConnectorConfig by_token = Base();
  by_token.kafka["sasl.oauthbearer.client.secret"] = "old";
  ConnectorConfig other_token = by_token;
  other_token.kafka["sasl.oauthbearer.client.secret"] = "new";
  EXPECT_EQ(Compare(by_token, other_token),
            (Difference{.dead_letters = true, .credentials = true}));
  // The connector's properties override the process's, so this consumer does not change.
  ConnectorConfig own = Base();
  own.subscription.consumer_properties["sasl.password"] = "mine";
  ConnectorConfig renewed = own;
  renewed.kafka["sasl.password"] = "new";
  EXPECT_FALSE(Compare(own, renewed).credentials);
  renewed.subscription.consumer_properties["sasl.password"] = "mine too";
  EXPECT_TRUE(Compare(own, renewed).credentials);
}

TEST(Difference, OfMoreTasksKeepsTheRunningOnes) {
  EXPECT_EQ(After([](auto& c) { c.tasks_max = 2; }), (Difference{.more_tasks = true}));
}

TEST(Difference, OfConsumerPropertiesNeedsANewConsumer) {
  const auto restarts = [](const auto& change) { return After(change).restart; };
  EXPECT_TRUE(restarts([](auto& c) { c.subscription.topics = {"t"}; }));
  EXPECT_TRUE(restarts([](auto& c) { c.subscription.topics_regex = "t"; }));
  EXPECT_TRUE(restarts([](auto& c) { c.subscription.excluded_topics = {"dead"}; }));
  EXPECT_TRUE(restarts([](auto& c) { c.subscription.group = "g"; }));
  EXPECT_TRUE(restarts([](auto& c) { c.tasks_max = 0; }));
  EXPECT_TRUE(restarts([](auto& c) { c.subscription.consumer_properties["client.id"] = "x"; }));
  EXPECT_TRUE(restarts([](auto& c) { c.kafka["bootstrap.servers"] = "other:1"; }));
  EXPECT_TRUE(restarts([](auto& c) { c.kafka.erase("sasl.password"); }));
  EXPECT_TRUE(restarts([](auto& c) { c.kafka_files = 1; }));
  EXPECT_TRUE(restarts([](auto& c) { c.policy.ordering = delivery::Ordering::kKey; }));
  EXPECT_TRUE(restarts([](auto& c) { c.policy.queue_max_bytes = 1; }));
}

}  // namespace
}  // namespace khs::reconcile
