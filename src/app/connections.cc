#include "app/connections.h"

#include <exception>
#include <optional>
#include <utility>

#include "auth/authorized_endpoint.h"
#include "auth/oauth2_flow.h"
#include "http/destination.h"
#include "http/endpoint_client.h"
#include "kafka/consumer.h"
#include "kafka/dead_letter_producer.h"
#include "kafka/properties.h"

namespace khs::app {
namespace {

// librdkafka may prefetch this fraction of delivery.queue.max.bytes.
constexpr size_t kPrefetchDivisor = 8;

// Two static members of a group with the same id would fence each other forever.
kafka::Properties WithOwnInstanceId(kafka::Properties properties, int task) {
  const auto found = properties.find("group.instance.id");
  if (found == properties.end() || task == 0) return properties;
  const std::string id = found->second.Reveal() + '-' + std::to_string(task);
  found->second = found->second.is_from_reference() ? base::Secret::FromReference(id) : id;
  return properties;
}

// `topic.blacklist` excludes topics from the consumer's regular expression; producers don't need
// it.
kafka::Properties ProducerProperties(const config::ConnectorConfig& config) {
  kafka::Properties properties = config.kafka;
  properties.erase("topic.blacklist");
  return properties;
}

kafka::Subscription SubscriptionOf(const config::ConnectorConfig& config,
                                   std::optional<int> task = {}) {
  return {config.subscription.topics,
          config.subscription.topics_regex,
          config.subscription.group,
          config.subscription.excluded_topics,
          config.policy.queue_max_bytes / kPrefetchDivisor,
          kafka::ClientOwner{config.name, task}};
}

const http::Origin* OriginOf(const task::Destination& destination) {
  return static_cast<const http::Destination&>(destination).origin.get();
}

}  // namespace

kafka::Properties ConsumerProperties(const config::ConnectorConfig& config) {
  kafka::Properties properties = config.subscription.consumer_properties;
  properties.insert(config.kafka.begin(), config.kafka.end());
  return properties;
}

task::Route MakeRoute(const config::ConnectorConfig& config, const task::Route* before,
                      auth::TokenService* tokens) {
  auto destination = std::make_shared<auth::Destination>();
  const auto* const known = before == nullptr
                                ? nullptr
                                : dynamic_cast<const auth::Destination*>(before->destination.get());
  destination->endpoint =
      http::MakeDestination(config.endpoint, known != nullptr ? known->endpoint.get() : nullptr);
  destination->renew_on = config.endpoint.auth.renew_on;
  if (config.endpoint.auth.type == config::AuthConfig::Type::kOAuth2) {
    const auth::OAuth2Identity identity = auth::IdentityOf(config.endpoint);
    if (tokens != nullptr) {
      // A token goes on serving for the endpoint that it was sent to.
      const bool is_same_endpoint =
          known != nullptr && OriginOf(*known->endpoint) == OriginOf(*destination->endpoint);
      destination->tokens = tokens->Get(identity, is_same_endpoint ? known->tokens.get() : nullptr);
    } else {
      (void)auth::MakeTokenDestination(identity);
    }
  }
  return {std::make_shared<request::Builder>(
              config.endpoint, request::Identity{config.name, config.subscription.group},
              config.policy.null_values),
          std::move(destination)};
}

reconcile::Connections MakeConnections(const base::Clock& clock, kafka::GroupHistories& histories,
                                       auth::TokenService& tokens,
                                       std::vector<base::AddressRange> disallowed) {
  return {
      [log_end_offsets = std::make_shared<kafka::LogEndOffsets>(), &histories](
          const config::ConnectorConfig& config, int task) {
        const kafka::Properties properties = ConsumerProperties(config);
        return std::make_unique<kafka::Consumer>(
            SubscriptionOf(config, task), WithOwnInstanceId(properties, task),
            log_end_offsets->Open(properties), histories.Get(config.subscription.group));
      },
      [&clock, disallowed = std::move(disallowed)](const config::ConnectorConfig& config) {
        return std::make_unique<auth::AuthorizedEndpoint>(
            std::make_unique<http::EndpointClient>(config.name, clock, disallowed));
      },
      [&tokens](const config::ConnectorConfig& config, const task::Route* before) {
        return MakeRoute(config, before, &tokens);
      },
      [](const config::ConnectorConfig& config,
         int task) -> std::shared_ptr<task::DeadLetterQueue> {
        if (config.dead_letters.topic.empty()) return nullptr;
        return std::make_shared<kafka::DeadLetterProducer>(
            kafka::DeadLetterSettings{config.dead_letters.topic,
                                      config.dead_letters.context_headers, config.name, task},
            ProducerProperties(config));
      },
  };
}

std::vector<reconcile::Objection> DefinitionCheck::operator()(
    const config::ConnectorConfig& config) {
  std::vector<reconcile::Objection> objections;
  for (const auto& problem : kafka::CheckProperties(config.subscription.consumer_properties)) {
    objections.push_back({"consumer.override." + problem.property, problem.message});
  }
  if (objections.empty()) {
    if (auto problem = TryConsumer(config)) objections.push_back({"", std::move(*problem)});
  }
  try {
    (void)MakeRoute(config, nullptr, nullptr);
  } catch (const std::exception& error) {
    objections.push_back({"", error.what()});  // the message names the key
  }
  return objections;
}

// Remembers the last success, since most connectors have the same properties.
std::optional<std::string> DefinitionCheck::TryConsumer(const config::ConnectorConfig& config) {
  const Tried tried{ConsumerProperties(config), config.kafka_files};
  if (tried == last_tried_) return std::nullopt;
  auto problem = kafka::TryConsumer(SubscriptionOf(config), tried.first);
  if (!problem) last_tried_ = tried;
  return problem;
}

}  // namespace khs::app
