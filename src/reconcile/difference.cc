#include "reconcile/difference.h"

#include <map>
#include <string>

namespace khs::reconcile {
namespace {

bool IsCredential(const std::string& property) {
  return property == "sasl.username" || property == "sasl.password" ||
         property == "sasl.oauthbearer.client.id" || property == "sasl.oauthbearer.client.secret";
}

// The connector's properties override those of the process.
auto ConsumerProperties(const config::ConnectorConfig& config) {
  auto all = config.subscription.consumer_properties;
  all.insert(config.kafka.begin(), config.kafka.end());
  return all;
}

// Copies credentials that differ to `from`, and returns whether any did.
template <class Properties>
bool TakeCredentials(Properties& from, const Properties& to) {
  bool differ = false;
  for (auto& [property, value] : from) {
    const auto other = to.find(property);
    if (!IsCredential(property) || other == to.end() || other->second == value) continue;
    value = other->second;
    differ = true;
  }
  return differ;
}

}  // namespace

Difference Compare(const config::ConnectorConfig& from, const config::ConnectorConfig& to) {
  Difference difference;
  auto properties = ConsumerProperties(from);
  difference.credentials = TakeCredentials(properties, ConsumerProperties(to));
  difference.restart =
      from.tasks_max > to.tasks_max || from.subscription.topics != to.subscription.topics ||
      from.subscription.topics_regex != to.subscription.topics_regex ||
      from.subscription.excluded_topics != to.subscription.excluded_topics ||
      from.subscription.group != to.subscription.group || properties != ConsumerProperties(to) ||
      from.kafka_files != to.kafka_files || from.policy.ordering != to.policy.ordering ||
      from.policy.queue_max_bytes != to.policy.queue_max_bytes;
  difference.more_tasks = from.tasks_max < to.tasks_max;
  difference.endpoint =
      from.endpoint != to.endpoint || from.policy.null_values != to.policy.null_values;
  difference.terms =
      from.policy != to.policy || from.offset_flush_interval != to.offset_flush_interval;
  difference.dead_letters = from.dead_letters != to.dead_letters ||
                            (!to.dead_letters.topic.empty() && from.kafka != to.kafka);
  return difference;
}

}  // namespace khs::reconcile
