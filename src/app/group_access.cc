#include "app/group_access.h"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <semaphore>
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
  return kafka::GroupOffsets(std::move(properties), config.name);
}

base::Unexpected<rest::Refusal> Refused(const kafka::AdminError& error) {
  using Kind = rest::Refusal::Kind;
  Kind kind = Kind::kUnavailable;
  if (error.kind == kafka::AdminError::Kind::kStillActive) kind = Kind::kStillActive;
  if (error.kind == kafka::AdminError::Kind::kNoPartition) kind = Kind::kInvalid;
  if (error.kind == kafka::AdminError::Kind::kFailed) kind = Kind::kFailed;
  return base::Unexpected<rest::Refusal>({kind, error.text, {}});
}

// Each call may take as long as the brokers don't answer, and a thread of the REST API with it.
constexpr std::ptrdiff_t kMostAtOnce = 4;
using Turns = std::counting_semaphore<kMostAtOnce>;

// Whoever finds no turn is told to come again.
template <class Result>
rest::Outcome<Result> InTurn(Turns& turns, const std::function<rest::Outcome<Result>()>& call) {
  if (!turns.try_acquire()) {
    return base::Unexpected<rest::Refusal>(
        {rest::Refusal::Kind::kUnavailable, "too many calls ask the brokers for offsets", {}});
  }
  struct Release {
    Turns& turns;
    ~Release() { turns.release(); }
  };
  const Release release{turns};
  return call();
}

rest::Outcome<rest::Done> Answer(const base::Expected<void, kafka::AdminError>& done) {
  if (!done) return Refused(done.error());
  return rest::Done{};
}

}  // namespace

GroupAccess MakeGroupAccess(const ClusterWatch& cluster, kafka::GroupHistories& histories) {
  GroupAccess access;
  const auto turns = std::make_shared<Turns>(kMostAtOnce);
  const auto list =
      [](const config::ConnectorConfig& config) -> rest::Outcome<GroupAccess::Offsets> {
    const auto committed = OffsetsFor(config).List(config.subscription.group, kWithin);
    if (!committed) return Refused(committed.error());
    GroupAccess::Offsets offsets;
    for (const kafka::GroupOffset& each : *committed) {
      offsets.push_back({each.topic_partition.topic, each.topic_partition.partition, each.offset});
    }
    return offsets;
  };
  // What is known of the group's commits is of no use from then on, also if only some are changed.
  const auto alter = [&histories](const config::ConnectorConfig& config,
                                  const GroupAccess::Offsets& offsets) {
    histories.Get(config.subscription.group)->ForgetCommits();
    std::vector<kafka::GroupOffset> changes;
    for (const rest::PartitionOffset& each : offsets) {
      changes.push_back({{each.topic, each.partition}, each.offset});
    }
    return Answer(OffsetsFor(config).Alter(config.subscription.group, changes, kWithin));
  };
  const auto reset = [&histories](const config::ConnectorConfig& config) {
    histories.Get(config.subscription.group)->Clear();
    return Answer(OffsetsFor(config).Reset(config.subscription.group, kWithin));
  };
  access.list = [turns, list](const config::ConnectorConfig& config) {
    return InTurn<GroupAccess::Offsets>(*turns, [&] { return list(config); });
  };
  access.alter = [turns, alter](const config::ConnectorConfig& config,
                                const GroupAccess::Offsets& offsets) {
    return InTurn<rest::Done>(*turns, [&] { return alter(config, offsets); });
  };
  access.reset = [turns, reset](const config::ConnectorConfig& config) {
    return InTurn<rest::Done>(*turns, [&] { return reset(config); });
  };
  access.cluster_id = [&cluster] { return cluster.id(); };
  access.broker_answers = [&cluster] { return cluster.answers(); };
  return access;
}

}  // namespace khs::app
