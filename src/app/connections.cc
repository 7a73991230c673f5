#include "app/connections.h"

#include "http/endpoint_client.h"
#include "kafka/consumer.h"
#include "kafka/dead_letter_producer.h"

namespace khs::app {
namespace {

// Of a task's bound, what librdkafka may use.
constexpr size_t kPrefetchShare = 8;

}  // namespace

reconcile::Connections MakeConnections(const kafka::Properties& kafka, const base::Clock& clock) {
  return {
      [kafka](const config::ConnectorConfig& config) {
        kafka::Properties properties = config.subscription.consumer_properties;
        properties.insert(kafka.begin(), kafka.end());
        return std::make_unique<kafka::Consumer>(
            kafka::Subscription{config.subscription.topics, config.subscription.topics_regex,
                                config.subscription.group,
                                config.policy.queue_max_bytes / kPrefetchShare},
            properties);
      },
      [&clock](const config::ConnectorConfig& config) {
        return std::make_unique<http::EndpointClient>(
            config.endpoint, http::Identity{config.name, config.subscription.group},
            config.policy.null_values, clock);
      },
      [kafka](const config::ConnectorConfig& config,
              int task) -> std::unique_ptr<task::DeadLetterQueue> {
        if (config.dead_letters.topic.empty()) return nullptr;
        return std::make_unique<kafka::DeadLetterProducer>(
            kafka::DeadLetterSettings{config.dead_letters.topic,
                                      config.dead_letters.context_headers, config.name, task},
            kafka);
      },
  };
}

}  // namespace khs::app
