#include "app/group_access.h"

#include <chrono>
#include <utility>

#include "app/cluster_watch.h"
#include "kafka/group_offsets.h"

namespace khs::app {
namespace {

using reconcile::GroupAccess;

// Somebody waits for the answer to a REST call.
constexpr std::chrono::seconds kWithin{15};

kafka::GroupOffsets OffsetsFor(const config::ConnectorConfig& config) {
  kafka::Properties properties = config.subscription.consumer_properties;
  properties.insert(config.kafka.begin(), config.kafka.end());
  return kafka::GroupOffsets(std::move(properties));
}

base::Unexpected<rest::Refusal> Refused(const kafka::AdminError& error) {
  using Kind = rest::Refusal::Kind;
  Kind kind = Kind::kUnavailable;
  if (error.kind == kafka::AdminError::Kind::kStillActive) kind = Kind::kStillActive;
  return base::Unexpected<rest::Refusal>({kind, error.text, {}});
}

rest::Outcome<rest::Done> Answer(const base::Expected<void, kafka::AdminError>& done) {
  if (!done) return Refused(done.error());
  return rest::Done{};
}

}  // namespace

GroupAccess MakeGroupAccess(const ClusterWatch& cluster) {
  GroupAccess access;
  access.list = [](const config::ConnectorConfig& config) -> rest::Outcome<GroupAccess::Offsets> {
    const auto committed = OffsetsFor(config).List(config.subscription.group, kWithin);
    if (!committed) return Refused(committed.error());
    GroupAccess::Offsets offsets;
    for (const kafka::GroupOffset& each : *committed) {
      offsets.push_back({each.topic_partition.topic, each.topic_partition.partition, each.offset});
    }
    return offsets;
  };
  access.alter = [](const config::ConnectorConfig& config, const GroupAccess::Offsets& offsets) {
    std::vector<kafka::GroupOffset> changes;
    for (const rest::PartitionOffset& each : offsets) {
      changes.push_back({{each.topic, each.partition}, each.offset});
    }
    return Answer(OffsetsFor(config).Alter(config.subscription.group, changes, kWithin));
  };
  access.reset = [](const config::ConnectorConfig& config) {
    return Answer(OffsetsFor(config).Reset(config.subscription.group, kWithin));
  };
  access.cluster_id = [&cluster] { return cluster.id(); };
  access.broker_answers = [&cluster] { return cluster.answers(); };
  return access;
}

}  // namespace khs::app
